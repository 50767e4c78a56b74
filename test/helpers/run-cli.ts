import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";

const BIN = join(import.meta.dirname, "../../src/bin.ts");

export interface CliResult {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Events of --json, parsed. */
  readonly events: readonly Record<string, unknown>[];
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Everything printed so far, both streams. */
  output(): string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** No file of it can grow beyond this, KiB: to SQLite and Node that is a full disk. */
  readonly fileMaxKb?: number;
}

/** Starts the real CLI, as a user's shell would. */
export function startCli(args: readonly string[], { cwd, env, fileMaxKb }: CliOptions = {}): RunningCli {
  const command = [process.execPath, BIN, ...args];
  // ulimit counts in 512 bytes.
  const [file = "", ...rest] =
    fileMaxKb === undefined ? command : ["sh", "-c", `ulimit -f ${fileMaxKb * 2} && exec "$@"`, "sh", ...command];
  const child = spawn(file, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit, stdout, stderr, events: eventsIn(stdout) }));
  });
  return { child, result, output: () => stdout + stderr };
}

export function runCli(args: readonly string[], options?: CliOptions): Promise<CliResult> {
  return startCli(args, options).result;
}

function eventsIn(stdout: string): readonly Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith('{"event":'))
    .map((line) => JSON.parse(line) as Record<string, unknown>); // Our own events are objects.
}
