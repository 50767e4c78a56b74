import { measuredProcess, type Measured } from "../measured-process.ts";

const TIMEOUT_MS = 3_600_000;

/** Runs Node with these arguments. @throws {Error} with what it said where it does not end with 0. */
export async function successfulProcess(args: readonly string[]): Promise<Measured> {
  const measured = await measuredProcess(args, { timeoutMs: TIMEOUT_MS });
  if (measured.exit !== 0) throw new Error(`${args.join(" ")} ended with ${measured.exit}: ${measured.said}`);
  return measured;
}
