import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { EmulatorStats } from "../../src/emulator/emulator.ts";

/** One server of a benchmark. */
export interface EmulatorSpec {
  readonly execMs: number;
  /** What goes wrong there; the grammar is in src/comfy/emulator/faults.ts. */
  readonly faults?: string;
  /** Chooses whom the faults hit: with one for all, a job that is made again elsewhere would meet the same fault there. */
  readonly seed?: number;
  /** Nothing listens at its URL. */
  readonly isDead?: boolean;
}

/** What the servers did since they were started. */
export interface EmulatorReport {
  readonly servers: readonly EmulatorStats[];
  /** Different jobs with at least one file; a job is told by its filename_prefix. */
  readonly jobsSaved: number;
  /** Jobs that ran to success more than once, on whichever servers. */
  readonly jobsSavedTwice: number;
  /** prompt_ids that one server ran more than once. */
  readonly promptsRunTwice: number;
}

/** A file that a server has saved. */
export interface FileChecksum {
  /** Without the counter that SaveImage puts behind it. */
  readonly job: string;
  readonly sha256: string;
}

export interface Emulators extends AsyncDisposable {
  readonly urls: readonly string[];
  report(): Promise<EmulatorReport>;
  /** Of every file in the output folders. */
  checksums(): Promise<readonly FileChecksum[]>;
}

/** Starts emulators, all in one process that is not ours. They forget everything when they are disposed of. */
export async function startBenchEmulators(specs: readonly EmulatorSpec[]): Promise<Emulators> {
  const child = fork(join(import.meta.dirname, "emulator-process.ts"), [JSON.stringify(specs)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const answer = async <T>(): Promise<T> => {
    const [message] = (await once(child, "message")) as [T]; // The child sends what the caller waits for, in turn.
    return message;
  };
  const urls = await answer<readonly string[]>();
  return {
    urls,
    report() {
      child.send("report");
      return answer<EmulatorReport>();
    },
    checksums() {
      child.send("checksums");
      return answer<readonly FileChecksum[]>();
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}

/** Servers that are all well. */
export function healthyServers(count: number, execMs: number): readonly EmulatorSpec[] {
  return Array.from({ length: count }, () => ({ execMs }));
}

export interface Span {
  /** First start to last finish over the servers, ms. */
  readonly spanMs: number;
  readonly firstStartedAtMs: number;
  /** Share of that time in which the servers ran prompts. */
  readonly busyShare: number;
}

/** How well the servers were kept busy. */
export function spanOf(servers: readonly EmulatorStats[]): Span {
  const firstStartedAtMs = Math.min(...servers.map((server) => server.firstStartedAtMs ?? Infinity));
  const spanMs = Math.max(...servers.map((server) => server.lastFinishedAtMs ?? -Infinity)) - firstStartedAtMs;
  return { spanMs, firstStartedAtMs, busyShare: servers.reduce((sum, server) => sum + server.busyMs, 0) / (servers.length * spanMs) };
}
