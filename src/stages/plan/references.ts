import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import PQueue from "p-queue";
import type { Context } from "../../context.ts";
import { referenceQueries, type ReferenceContent, type ReferenceQueries } from "../../db/queries/plan/references.ts";
import { messageOf, RejectError } from "../../errors.ts";
import { referenceKeyOf } from "../../identity.ts";
import { retry, RETRIES } from "../../lib/retry.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import type { Config } from "../../config/schema.ts";
import { uploadFolders } from "../../config/resolve-config.ts";
import { referenceFiles, type ReferenceFiles, type ReferenceOptions } from "../../prompts/reference-files.ts";

/** Rows read from the database at a time. */
const PAGE_ROWS = 256;

const CONTENT_TYPES = { png: "image/png", jpg: "image/jpeg", webp: "image/webp" } as const;

/**
 * Puts the images that prompts come with into the store, as they were planned, and remembers where: rows name them. What is there
 * already is left alone. A file that has changed or gone is told and left out.
 * @throws {TransientError} if the store gives no answer several times over, FatalError as the store does.
 */
export async function storeReferences({
  db,
  store,
  config,
  clock,
  log,
  stopping,
  signal,
}: Pick<Context, "db" | "store" | "config" | "clock" | "log" | "stopping" | "signal">): Promise<void> {
  const references = referenceQueries(db);
  const queue = new PQueue({ concurrency: config.harvest.concurrency });
  let stored = 0;

  const storeOne = async (file: ReferenceContent): Promise<void> => {
    if (stopping.aborted) return;
    const key = referenceKeyOf(file.sha256, file.extension);
    try {
      const put = (): Promise<void> => putReference(file, { key, paths: references.pathsOf(file.sha256), store, signal });
      await retry(put, { limits: RETRIES.store, clock, signal });
    } catch (error) {
      if (error instanceof RejectError) return log.warn(error.message);
      throw error;
    }
    references.markStored(file.sha256, key);
    stored++;
  };

  let page = references.unstored("", PAGE_ROWS);
  while (page.length > 0 && !stopping.aborted) {
    const results = await Promise.allSettled(page.map((file) => queue.add(() => storeOne(file))));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    page = references.unstored(page.at(-1)?.sha256 ?? "", PAGE_ROWS);
  }
  if (stored > 0) log.info(`Stored ${stored} reference images`);
}

interface Target {
  readonly key: string;
  readonly paths: readonly string[];
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
}

/** Reads a reference image from whichever of its files still has the content. @throws {RejectError} where none has. */
async function putReference(file: ReferenceContent, { key, paths, store, signal }: Target): Promise<void> {
  const { bytes, extension } = file;
  if (await isThere(file, key, { store, signal })) return;
  const why: string[] = [];
  for (const path of paths) {
    try {
      // Whatever is there is not this image: cut short by a store without atomic writes, or somebody else's.
      return await store.put(key, Readable.from(plannedBytes(path, file), { objectMode: false }), bytes, {
        contentType: CONTENT_TYPES[extension],
        signal,
      });
    } catch (error) {
      if (!(error instanceof RejectError)) throw error;
      why.push(error.message);
    }
  }
  throw new RejectError("reference-changed", `Cannot store a reference image: ${why.join("; ")}. Rows that name it are left out`);
}

async function isThere(
  { sha256, bytes }: ReferenceContent,
  key: string,
  { store, signal }: Pick<Target, "store" | "signal">,
): Promise<boolean> {
  if ((await store.head(key, signal))?.sizeBytes !== bytes) return false;
  const body = await store.get(key, signal);
  if (body === null) return false;
  const hash = createHash("sha256");
  for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk); // Without an encoding a stream yields Buffers.
  return hash.digest("hex") === sha256;
}

/** A file's bytes; throws before the end where they are not the planned ones, so that no store takes them for whole. */
async function* plannedBytes(path: string, { sha256, bytes }: ReferenceContent): AsyncGenerator<Buffer> {
  const changed = new RejectError("reference-changed", `${path} has other content than when it was planned`);
  const hash = createHash("sha256");
  let held: Buffer | null = null;
  try {
    if ((await stat(path)).size !== bytes) throw changed;
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      if (held !== null) yield held;
      held = chunk;
    }
  } catch (error) {
    throw error === changed ? changed : new RejectError("reference-changed", messageOf(error), { cause: error });
  }
  if (held === null || hash.digest("hex") !== sha256) throw changed;
  yield held;
}

/** Files looked at together. */
const PAGE_FILES = 256;

/** True if every image of the last plan still has its length and time of change: then none has to be hashed again. */
export async function areReferencesUnchanged(references: Pick<ReferenceQueries, "paths">): Promise<boolean> {
  let page = references.paths("", PAGE_FILES);
  while (page.length > 0) {
    const unchanged = await Promise.all(
      page.map(async ({ path, bytes, modifiedAtMs }) => {
        const found = await stat(path).catch(() => null); // Whatever is wrong with it, reading the prompts tells.
        return found?.size === bytes && Math.round(found.mtimeMs) === modifiedAtMs;
      }),
    );
    if (unchanged.includes(false)) return false;
    page = references.paths(page.at(-1)?.path ?? "", PAGE_FILES);
  }
  return true;
}

/** The files that the configuration's uploads are about, as reading the prompts finds them. */
export function openReferences({ workflows }: Pick<Config, "workflows">, known?: ReferenceOptions["known"]): ReferenceFiles {
  return referenceFiles({ folders: uploadFolders(workflows), ...(known === undefined ? {} : { known }) });
}
