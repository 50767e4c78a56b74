import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";
import { createInterface } from "node:readline";

const REPORTER = pathToFileURL(join(import.meta.dirname, "report-usage.ts")).href;
/** Of what it said last, kept for the report of a crash. */
const SAID_MAX_CHARS = 2_000;

export interface MeasuredOptions {
  /** Each line of its stdout, and of its stderr. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
  readonly onSpawn?: (child: ChildProcess) => void;
  /** Killed then, ms. */
  readonly timeoutMs: number;
}

export interface Measured {
  /** Null: killed. */
  readonly exit: number | null;
  readonly startedAtMs: number;
  readonly wallMs: number;
  /** User and system; NaN if it was killed. */
  readonly cpuMs: number;
  readonly systemMs: number;
  /** The most memory that it had at any time. */
  readonly rssMb: number;
  /** The end of its stderr. */
  readonly said: string;
}

/** Runs a program of ours in its own process, on this Node, and measures it from start to exit. */
export async function measuredProcess(args: readonly string[], { onLine, onSpawn, timeoutMs }: MeasuredOptions): Promise<Measured> {
  const usageFile = join(tmpdir(), `comfy-dpo-bench-${randomUUID()}.json`);
  const startedAtMs = Date.now();
  const startMs = performance.now();
  const child = spawn(process.execPath, ["--import", REPORTER, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, BENCH_USAGE_FILE: usageFile },
  });
  onSpawn?.(child);
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  let said = "";
  createInterface(child.stdout).on("line", (line) => onLine?.(line, child));
  createInterface(child.stderr).on("line", (line) => {
    said = `${said}${line}\n`.slice(-SAID_MAX_CHARS);
    onLine?.(line, child);
  });
  try {
    const exit = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    return { exit, startedAtMs, wallMs: performance.now() - startMs, said, ...usageOf(usageFile) };
  } finally {
    clearTimeout(timer);
    rmSync(usageFile, { force: true });
  }
}

function usageOf(file: string): Pick<Measured, "cpuMs" | "systemMs" | "rssMb"> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Pick<Measured, "cpuMs" | "systemMs" | "rssMb">; // report-usage.ts wrote it.
  } catch {
    return { cpuMs: Number.NaN, systemMs: Number.NaN, rssMb: Number.NaN }; // Killed: nothing was written.
  }
}
