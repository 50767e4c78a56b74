import type { Db } from "./open.ts";

/**
 * Runs writes that can be made again, without waiting for the disk. A power cut may lose the last of them, never their order, and never what
 * was committed otherwise: the next such commit flushes these, too. Not inside a transaction.
 */
export function unflushed<T>({ client }: Pick<Db, "client">, work: () => T): T {
  const before = client.pragma("synchronous", { simple: true });
  client.pragma("synchronous = NORMAL");
  try {
    return work();
  } finally {
    client.pragma(`synchronous = ${String(before)}`);
  }
}
