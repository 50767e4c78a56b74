import { readdir, rmdir, unlink, lstat, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import PQueue from "p-queue";
import type { Context } from "../../context.ts";
import { addToCounter } from "../../db/queries/jobs/counters.ts";
import { originalQueries } from "../../db/queries/images/originals.ts";
import { filenamePrefixOf } from "../../identity.ts";
import { counted } from "../../lib/words.ts";
import { errnoOf, fileProblem } from "../../lib/files/file-problem.ts";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { RejectError } from "../../errors.ts";
import { createStripper } from "../../images/strip.ts";
import type { SourceName } from "./check-source-name.ts";

/** Files deleted at a time: many wait for a network disk, and none of them is urgent. */
const CONCURRENCY = 4;
/** Files waiting to be deleted; beyond it they are left to the end of the run. */
const WAITING_MAX = 1_000;

export interface ReclaimNeeds extends Pick<Context, "config" | "db" | "log" | "signal"> {
  readonly comfy: Pick<Context["comfy"], "outputDir" | "keys">;
}

/** An image whose row says that it is stored. */
export interface StoredItem extends Omit<OriginalName, "filenamePrefix" | "sizeBytes"> {
  readonly job: string;
  readonly server: string;
  /** Length of the file that was fetched; null if the store had it already and the server's file was not looked at. */
  readonly sizeBytes: number | null;
}

export interface Reclaimer {
  /** The image is in the store and its row is committed: its original may go. */
  stored(item: StoredItem): void;
  /** Originals that an earlier run left: it was killed, or did not reclaim. */
  reclaimLeftovers(): Promise<void>;
  /** Resolves once nothing is being deleted; removes empty folders, says and counts what happened. */
  finish(): Promise<void>;
}

/**
 * Deletes the originals of stored images under the servers' output folders, and nothing else. What cannot be deleted is no failure of
 * the image: it is counted, the first of each kind is told.
 */
export function reclaimer(needs: ReclaimNeeds): Reclaimer {
  const { config, db, comfy, log, signal } = needs;
  const queue = new PQueue({ concurrency: CONCURRENCY });
  const originals = originalQueries(db);
  const warned = new Set<string>();
  const counts = { reclaimed: 0, kept: 0 };
  /** Some of this run wait to be proven by their bytes. */
  let hasLeftovers = false;
  let bug: { readonly error: unknown } | undefined;

  function keep(server: string, filename: string, why: string): void {
    counts.kept++;
    const kind = `${server} ${why.replaceAll(/\d+/g, "")}`;
    if (warned.has(kind)) return;
    warned.add(kind);
    log.warn(`The original ${JSON.stringify(filename)} of ${server} stays where it is: ${why}`);
  }

  async function reclaim(folder: string, item: StoredItem & { readonly sizeBytes: number }): Promise<void> {
    try {
      const original = await originalPath(folder, { ...item, filenamePrefix: filenamePrefixOf(config.dataset, item.job) });
      if (original === "gone") return;
      if ("why" in original) return keep(item.server, item.filename, original.why);
      await unlink(original.path);
      counts.reclaimed++;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return; // Somebody else was faster.
      if (errnoOf(error) === undefined) bug ??= { error };
      else keep(item.server, item.filename, fileProblem(error) ?? String(errnoOf(error)));
    }
  }

  function stored(item: StoredItem): void {
    const folder = comfy.outputDir(item.server);
    if (!config.harvest.reclaim || folder === null || item.type !== "output") return;
    const { sizeBytes } = item;
    if (sizeBytes === null || queue.size >= WAITING_MAX) hasLeftovers = true;
    else void queue.add(() => reclaim(folder, { ...item, sizeBytes }));
  }

  /** Only a file that, read as harvest reads it, is what is stored. */
  async function reclaimLeftover(folder: string, { shard, filename }: { readonly shard: string; readonly filename: string }) {
    const [job = ""] = /^[0-9a-f]+/.exec(filename) ?? [];
    const row = originals.storedFrom(job, filename);
    if (row === undefined || comfy.outputDir(row.server) !== folder) return;
    const sizeBytes = await sameOriginal(join(folder, config.dataset, shard, filename), { sha256: row.sha256, signal });
    if (sizeBytes !== null) await reclaim(folder, { ...row, sizeBytes });
  }

  const folders = (): ReadonlySet<string> =>
    new Set([...comfy.keys()].map((url) => comfy.outputDir(url)).filter((folder) => folder !== null));

  /** Each shard folder that is there, empty or not. */
  async function* shards(): AsyncGenerator<{ readonly folder: string; readonly shard: string }> {
    for (const folder of folders()) for (const shard of await namesIn(join(folder, config.dataset))) yield { folder, shard };
  }

  async function reclaimLeftovers(): Promise<void> {
    if (!config.harvest.reclaim) return;
    for await (const { folder, shard } of shards()) {
      for (const filename of await namesIn(join(folder, config.dataset, shard))) {
        if (signal.aborted) return;
        await reclaimLeftover(folder, { shard, filename });
      }
    }
  }

  return {
    stored,
    reclaimLeftovers,

    async finish() {
      await queue.onIdle();
      if (hasLeftovers) await reclaimLeftovers();
      // A server makes a folder, and then writes into it: none may go in between.
      if (config.harvest.reclaim && !originals.anySubmitted()) {
        for await (const { folder, shard } of shards()) await removeIfEmpty(join(folder, config.dataset, shard));
        for (const folder of folders()) await removeIfEmpty(join(folder, config.dataset));
      }
      if (counts.reclaimed > 0) addToCounter(db, "reclaimed_originals", counts.reclaimed);
      if (counts.kept > 0) {
        addToCounter(db, "unreclaimed_originals", counts.kept);
        log.warn(`${counted(counts.kept, "original")} of stored images could not be deleted from the servers' output folders`);
      }
      if (bug !== undefined) throw bug.error;
    },
  };
}

/** Returns nothing if there is no such folder, or it cannot be read: `check` says so, and each deletion that fails. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder); // Never a folder with something in it, and no link.
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

interface SameOriginalOptions {
  /** SHA-256 of the stored file. */
  readonly sha256: string;
  readonly signal: AbortSignal;
}

/** Length of the file where its bytes, as they are or without metadata, are what is stored; else null. */
async function sameOriginal(path: string, { sha256, signal }: SameOriginalOptions): Promise<number | null> {
  try {
    if (!(await lstat(path)).isFile()) return null;
    const hash = createHash("sha256");
    let sizeBytes = 0;
    const stripper = createStripper({ hold: "whole" });
    const source = createReadStream(path);
    source.on("data", (chunk) => {
      hash.update(chunk);
      sizeBytes += chunk.length;
    });
    stripper.stream.resume();
    await pipeline(source, stripper.stream, { signal });
    return hash.digest("hex") === sha256 || stripper.facts().sha256 === sha256 ? sizeBytes : null;
  } catch (error) {
    // No image; gone; not to be read: not proven, so it stays.
    if (error instanceof RejectError || error instanceof RangeError || errnoOf(error) !== undefined || signal.aborted) return null;
    throw error;
  }
}

interface OriginalName extends SourceName {
  /** `<dataset>/<shard>/<job>`, under which the job was told to save. */
  readonly filenamePrefix: string;
  /** Length of what was fetched and verified. */
  readonly sizeBytes: number;
}

/** A file that may be deleted, or why it may not. */
type Original = { readonly path: string } | { readonly why: string } | "gone";

/**
 * Finds the original of a stored image below a server's output folder. A server's words lead here, so that everything is proven: it
 * is of type output, lies and is named as its job was told to save, no link leads out of the folder, and it has the length that was
 * verified. `name` has passed checkSourceName.
 */
async function originalPath(outputDir: string, name: OriginalName): Promise<Original> {
  const { filename, subfolder, type, filenamePrefix, sizeBytes } = name;
  if (type !== "output") return { why: `it is a file of type ${type}` };
  const folders = filenamePrefix.split("/");
  const job = folders.pop() ?? "";
  // On Windows ComfyUI separates subfolders with a backslash.
  const isOurs = subfolder.split(/[/\\]/).join("/") === folders.join("/") && filename.startsWith(job);
  if (!isOurs) return { why: `it is not named ${filenamePrefix}…, as its job was told to save` };
  const root = await orGone(realpath(outputDir));
  if (root === "gone") return { why: `its folder ${outputDir} is not there` };
  return orGone(originalIn(root, { folders, filename, sizeBytes }));
}

interface Wanted extends Pick<OriginalName, "filename" | "sizeBytes"> {
  readonly folders: readonly string[];
}

async function originalIn(root: string, { folders, filename, sizeBytes }: Wanted): Promise<Original> {
  const folder = await realpath(join(root, ...folders));
  if (folder !== join(root, ...folders) || !folder.startsWith(root.endsWith(sep) ? root : root + sep)) {
    return { why: `a link leads from it to ${folder}` };
  }
  const path = join(folder, filename);
  const found = await lstat(path);
  if (!found.isFile()) return { why: "it is no plain file" };
  return found.size === sizeBytes ? { path } : { why: `it has ${found.size} bytes, and what was stored had ${sizeBytes}` };
}

async function orGone<Answer>(looking: Promise<Answer>): Promise<Answer | "gone"> {
  try {
    return await looking;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "gone";
    throw error;
  }
}
