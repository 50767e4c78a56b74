import type { Db } from "../../db/open.ts";

/** Commits several changes at once, and does then what must not be done before. */
export interface Commits {
  /** Runs `work` in one transaction; inside of another call, in that one's. */
  together(work: () => void): void;
  /** Runs once the transaction under way is committed. */
  afterwards(action: () => void): void;
}

/**
 * A finished job and the intent of the next one are one commit: a disk that has to flush twice as often costs a fast server its pauses.
 * What is sent to a server goes out after the commit that says so.
 */
export function openCommits({ client }: Pick<Db, "client">): Commits {
  let waiting: (() => void)[] = [];
  let depth = 0;
  const transaction = client.transaction((work: () => void) => work());
  return {
    together(work) {
      if (depth > 0) return work();
      depth++;
      try {
        transaction.immediate(work);
      } catch (error) {
        waiting = []; // What was to follow was rolled back with the rest.
        throw error;
      } finally {
        depth--;
      }
      const actions = waiting;
      waiting = [];
      for (const action of actions) action();
    },
    afterwards: (action) => void waiting.push(action),
  };
}
