import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What the model did since it was started. Times are of its own clock, ms. */
export interface ScorerStats {
  readonly requests: number;
  readonly images: number;
  readonly busyMs: number;
  readonly firstStartedAtMs: number;
  readonly lastFinishedAtMs: number;
  readonly inFlightMax: number;
}

export interface Scorer extends AsyncDisposable {
  readonly url: string;
  stats(): Promise<ScorerStats>;
}

/** Starts a model that takes `execMs` a request, in a process that is not ours. */
export async function startScorer(execMs: number): Promise<Scorer> {
  const child = fork(join(import.meta.dirname, "scorer-process.ts"), [String(execMs)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [url] = (await once(child, "message")) as [string]; // The child sends its URL first.
  return {
    url,
    async stats() {
      child.send("stats");
      const [stats] = (await once(child, "message")) as [ScorerStats];
      return stats;
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}
