import { startEmulators } from "../emulator/emulator.ts";
import { RELEASE_NAMES, type ReleaseName } from "../emulator/nodes/releases.ts";
import { ConfigError, EXIT } from "../errors.ts";
import type { CommandResult } from "./command.ts";
import { readWholeNumber } from "./option-values.ts";
import type { InputOf } from "./registry.ts";

/** ComfyUI's own port. Source: comfy/cli_args.py, --port. */
const DEFAULT_PORT = 8188;
const PORT_MAX = 65_535;
/** A slip of the pen beyond this: each is a server of its own. */
const SERVERS_MAX = 1_000;

/** Starts ComfyUI emulators and serves until it is stopped. */
export async function run(input: InputOf<"emulate">): Promise<CommandResult> {
  const { faults, comfy } = input.options;
  const servers = readWholeNumber("--servers", input.options.servers, { from: 1, to: SERVERS_MAX }) ?? 1;
  const port = readWholeNumber("--port", input.options.port, { from: 0, to: PORT_MAX }) ?? DEFAULT_PORT;
  if (port > 0 && port + servers - 1 > PORT_MAX)
    throw new ConfigError(`Cannot take ${servers} ports from ${port} on: the last port is ${PORT_MAX}`, {
      hint: "--port with a lower one",
    });
  const emulators = await startEmulators(servers, {
    port,
    execMs: readWholeNumber("--exec-ms", input.options.execMs, { from: 0 }) ?? 0,
    ...(faults === undefined ? {} : { faults }),
    ...(comfy === undefined ? {} : { comfy: releaseNamed(comfy) }),
  });
  for (const { url } of emulators) input.show({ event: "emulator", url }, url);
  input.log.info("ComfyUI emulators: made-up images, no GPU. Stop them with Ctrl-C");
  if (!input.stopping.aborted) await new Promise((resolve) => input.stopping.addEventListener("abort", resolve, { once: true }));
  await Promise.all(emulators.map((emulator) => emulator.stop()));
  return { exit: EXIT.done };
}

function releaseNamed(name: string): ReleaseName {
  const found = RELEASE_NAMES.find((each) => each === name);
  if (found !== undefined) return found;
  throw new ConfigError(`Cannot play ComfyUI ${name}: the emulator plays ${RELEASE_NAMES.join(" and ")}, as recorded`);
}
