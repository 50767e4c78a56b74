import type { Db } from "./open.ts";

/**
 * SQLite's page cache while much is written, KiB. Rows are keyed by hashes, so each insert changes another page of the index: with the
 * default of 2 MB nearly every one is read from the file again, and written for one row.
 */
const CACHE_KIB = 32 * 1024;
/**
 * Pages in the log before they are copied into the database, 128 MB (default 1,000): the more, the more changes of a page are copied at
 * once.
 */
const CHECKPOINT_PAGES = 32_000;

interface BulkOptions {
  /** True: a commit is flushed, as outside. For work beside which others commit what must not be lost. */
  readonly flushEach?: boolean;
  /** SQLite's page cache; default 32 MB. */
  readonly cacheKib?: number;
}

/**
 * Runs work that writes very much and is done again from its start if it is interrupted. Its commits are not flushed one by one, unless
 * `flushEach`: a power cut may lose the last ones, never the order. The first commit afterwards flushes them all.
 */
export async function inBulk<T>(
  { client }: Pick<Db, "client">,
  work: () => Promise<T>,
  { flushEach = false, cacheKib = CACHE_KIB }: BulkOptions = {},
): Promise<T> {
  const settings = ["synchronous", "cache_size", "wal_autocheckpoint"].map(
    (name) => [name, client.pragma(name, { simple: true })] as const,
  );
  if (!flushEach) client.pragma("synchronous = NORMAL");
  client.pragma(`cache_size = -${cacheKib}`);
  client.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  try {
    return await work();
  } finally {
    for (const [name, value] of settings) client.pragma(`${name} = ${String(value)}`);
    client.pragma("shrink_memory");
  }
}

/**
 * Runs writes that can be made again, without waiting for the disk. A power cut may lose the last of them, never their order, and never
 * what
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
