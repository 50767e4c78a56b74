import { spawn } from "node:child_process";

export interface Timed {
  readonly exit: number | null;
  readonly wallMs: number;
  /** User and system. */
  readonly cpuMs: number;
  /** The end of its stderr. */
  readonly said: string;
}

const SAID_MAX_CHARS = 4_000;
/** POSIX: `times` prints two lines, the shell's own times and those of the commands it ran, user before system. */
const SCRIPT = '"$@"; code=$?; times >&2; exit $code';

/** Runs any program and measures it from start to exit; Node tells nothing of what a child used. */
export async function timedCommand(command: string, args: readonly string[]): Promise<Timed> {
  const startMs = performance.now();
  const child = spawn("sh", ["-c", SCRIPT, "sh", command, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-SAID_MAX_CHARS)));
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const wallMs = performance.now() - startMs;
  const times = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/.exec(said.trimEnd().split("\n").at(-1) ?? "");
  const [userMin = Number.NaN, userS = 0, systemMin = 0, systemS = 0] = (times ?? []).slice(1).map(Number);
  return { exit, wallMs, cpuMs: ((userMin + systemMin) * 60 + userS + systemS) * 1_000, said };
}
