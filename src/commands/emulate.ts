import { startEmulators } from "../emulator/emulator.ts";
import { RELEASE_NAMES, type ReleaseName } from "../emulator/nodes/releases.ts";
import { ConfigError, EXIT } from "../errors.ts";
import type { CommandInput, CommandResult } from "./command.ts";

/** ComfyUI's own port. Source: comfy/cli_args.py, --port. */
const DEFAULT_PORT = 8188;
const PORT_MAX = 65_535;
/** A slip of the pen beyond this: each is a server of its own. */
const SERVERS_MAX = 1_000;

export async function run(input: CommandInput): Promise<CommandResult> {
  const { faults, comfy } = input.options;
  const servers = numberOf(input, "servers", { from: 1, to: SERVERS_MAX }) ?? 1;
  const port = numberOf(input, "port", { from: 0, to: PORT_MAX }) ?? DEFAULT_PORT;
  if (port > 0 && port + servers - 1 > PORT_MAX)
    throw new ConfigError(`Cannot take ${servers} ports from ${port} on: the last port is ${PORT_MAX}`, {
      hint: "--port with a lower one",
    });
  const emulators = await startEmulators(servers, {
    port,
    execMs: numberOf(input, "execMs", { from: 0, to: Number.MAX_SAFE_INTEGER }) ?? 0,
    ...(typeof faults === "string" ? { faults } : {}),
    ...(comfy === undefined ? {} : { comfy: releaseNamed(String(comfy)) }),
  });
  for (const { url } of emulators) input.show({ event: "emulator", url }, url);
  input.log.info("ComfyUI emulators: pretend images, no GPU. Ctrl-C ends them");
  if (!input.stopping.aborted) await new Promise((resolve) => input.stopping.addEventListener("abort", resolve, { once: true }));
  await Promise.all(emulators.map((emulator) => emulator.stop()));
  return { exit: EXIT.done };
}

function releaseNamed(name: string): ReleaseName {
  const found = RELEASE_NAMES.find((each) => each === name);
  if (found !== undefined) return found;
  throw new ConfigError(`Cannot play ComfyUI ${name}: the emulator plays ${RELEASE_NAMES.join(" and ")}, as recorded`);
}

interface Bounds {
  readonly from: number;
  readonly to: number;
}

function numberOf({ options }: Pick<CommandInput, "options">, name: string, { from, to }: Bounds): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= from && number <= to) return number;
  const flag = name.replaceAll(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
  const upTo = to === Number.MAX_SAFE_INTEGER ? "" : ` to ${to}`;
  throw new ConfigError(`Cannot read --${flag} ${String(value)}: expected a whole number from ${from}${upTo}`);
}
