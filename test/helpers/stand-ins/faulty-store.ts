import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** Shares of the PUTs of images, 0 to 1. */
export interface StoreFaults {
  /** The S3 server that does the work. */
  readonly endpoint: string;
  /** 503 SlowDown, and the connection is closed. */
  readonly slowDown: number;
  /** Cut in the middle of the body. */
  readonly reset: number;
  /** No answer, ever. */
  readonly stall: number;
  /** After so many PUTs of images all others get 403 AccessDenied; absent: none does. */
  readonly forbidAfter?: number;
}

export interface FaultyStore extends AsyncDisposable {
  readonly endpoint: string;
  /** How many there were so far, by kind. */
  faults(): Readonly<Record<string, number>>;
}

/** Starts it in a process of its own. */
export async function startFaultyStore(faults: StoreFaults): Promise<FaultyStore> {
  const child = fork(join(import.meta.dirname, "faulty-store-process.ts"), [JSON.stringify(faults)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [endpoint] = (await once(child, "message")) as [string]; // Its first word.
  const seen: Record<string, number> = {};
  child.on("message", (kind: string) => (seen[kind] = (seen[kind] ?? 0) + 1));
  return {
    endpoint,
    faults: () => seen,
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}
