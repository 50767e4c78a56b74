import { startEmulators } from "../comfy/emulator.ts";
import { ConfigError, EXIT } from "../errors.ts";
import type { CommandInput, CommandResult } from "./command.ts";

/** ComfyUI's own port. Source: comfy/cli_args.py, --port. */
const DEFAULT_PORT = 8188;

export async function run(input: CommandInput): Promise<CommandResult> {
  const faults = input.options["faults"];
  const emulators = await startEmulators(numberOf(input, "servers", 1), {
    port: numberOf(input, "port", DEFAULT_PORT),
    execMs: numberOf(input, "execMs", 0),
    ...(typeof faults === "string" ? { faults } : {}),
  });
  for (const emulator of emulators) input.print(emulator.url);
  input.log.info("ComfyUI emulators: pretend pictures, no GPU. Ctrl-C ends them");
  await new Promise((resolve) => input.stopping.addEventListener("abort", resolve, { once: true }));
  await Promise.all(emulators.map((emulator) => emulator.stop()));
  return { exit: EXIT.done };
}

function numberOf(input: Pick<CommandInput, "options">, name: string, fallback: number): number {
  const value = input.options[name];
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new ConfigError(`Cannot read --${name} ${String(value)}: expected a whole number`);
  return number;
}
