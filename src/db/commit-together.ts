import type { Db } from "./open.ts";

/** Of one commit: what comes meanwhile waits for the next. */
const WORK_MAX = 200;

/** Runs work in a transaction and resolves with its result once the disk has it. Where it throws, nothing of it stays. */
export type CommitTogether = <T>(work: () => T) => Promise<T>;

interface Waiting {
  /** Returns what is to be told once the commit stands. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits together what comes in one turn of the event loop. A commit stops everything until the disk has it: where that takes long, the
 * more comes meanwhile, so that many people never wait for more than two commits.
 */
export function commitTogether({ client }: Pick<Db, "client">): CommitTogether {
  let waiting: Waiting[] = [];

  function commit(): void {
    const batch = waiting.slice(0, WORK_MAX);
    waiting = waiting.slice(WORK_MAX);
    if (waiting.length > 0) setImmediate(commit);
    const told: (() => void)[] = [];
    try {
      client
        .transaction(() => {
          for (const each of batch) told.push(runOne(each));
        })
        .immediate();
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const tell of told) tell();
  }

  /** A savepoint: what throws takes nothing with it. */
  function runOne({ run, reject }: Waiting): () => void {
    try {
      return client.transaction(run)();
    } catch (error) {
      if (!client.inTransaction) throw error; // The disk is full, say: SQLite has taken all of it back.
      return () => reject(error);
    }
  }

  return <T>(work: () => T) =>
    new Promise<T>((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => resolve(result);
      };
      waiting.push({ run, reject });
      if (waiting.length === 1) setImmediate(commit);
    });
}
