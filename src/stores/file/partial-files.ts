import { link, open, readdir, rm, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { addAbortListener } from "node:events";
import type { Readable } from "node:stream";
import { TransientError } from "../../errors.ts";
import { errnoOf } from "../../lib/files/file-problem.ts";
import { isAlive } from "../../lib/system.ts";
import { makeFolder } from "../../lib/files/make-folder.ts";
import { writeAll } from "../../lib/files/write-pieces.ts";
import { fileError } from "./file-errors.ts";
import { DAY_MS } from "../../lib/units.ts";

/** Folder of objects that do not have their name yet. No key starts with it. */
export const PARTIAL_FOLDER = ".partial";

/** Leftovers of another machine's processes are removed after this time, ms: whether those still run cannot be asked. */
const FOREIGN_LEFTOVER_MS = DAY_MS;

let serial = 0;

/** Complete, flushed temporary files in the root of a folder store: on the same file system as the objects, so that link() works. */
export function partialFiles(root: string) {
  const folder = join(root, PARTIAL_FOLDER);
  let ready: Promise<void> | undefined;
  const nextPath = (): string => join(folder, `${hostname()}.${process.pid}.${serial++}`);

  return {
    /**
     * Writes all of `body`, flushed to the disk; answers the path. Nothing is left where it throws: the body's own error, the
     * signal's reason, TransientError if the body ends at another length, or the file system's error by class.
     */
    async write(body: Readable | Uint8Array, sizeBytes: number, signal?: AbortSignal): Promise<string> {
      const path = nextPath();
      try {
        signal?.throwIfAborted();
        // At the first write only: reading a dataset must not change its folder.
        await (ready ??= prepare(folder));
        await writeFlushed(path, { body, sizeBytes, signal });
      } catch (error) {
        if (!(body instanceof Uint8Array)) body.destroy();
        await discard(path);
        throw error;
      }
      return path;
    },

    /** Another name for a finished file, flushed to the disk; answers the path, null if the file cannot have one here. */
    async link(file: string): Promise<string | null> {
      const path = nextPath();
      await (ready ??= prepare(folder));
      try {
        await link(file, path);
      } catch (error) {
        const code = errnoOf(error) ?? "";
        if (code === "EXDEV" || NO_HARD_LINKS.has(code)) return null; // EXDEV: another file system.
        throw fileError(error, `write ${path}`);
      }
      try {
        await using handle = await open(path, "r+");
        await handle.sync();
      } catch (error) {
        await discard(path);
        throw fileError(error, `write ${path}`);
      }
      return path;
    },
  };
}

interface Writing {
  readonly body: Readable | Uint8Array;
  readonly sizeBytes: number;
  readonly signal: AbortSignal | undefined;
}

async function writeFlushed(path: string, { body, sizeBytes, signal }: Writing): Promise<void> {
  // The body's own errors pass as they are; only the file system's are classed.
  const classed = (error: unknown): never => {
    throw fileError(error, `write ${path}`);
  };
  const handle = await open(path, "wx").catch(classed);
  const isStream = !(body instanceof Uint8Array);
  const listener = signal && isStream ? addAbortListener(signal, () => body.destroy(signal.reason as Error)) : undefined;
  try {
    let written = 0;
    for await (const chunk of isStream ? (body as AsyncIterable<Uint8Array>) : [body]) {
      written += chunk.length;
      if (written > sizeBytes) break;
      await writeAll(handle, chunk).catch(classed);
    }
    if (written !== sizeBytes) throw new TransientError(`Cannot write ${path}: the body does not have the announced ${sizeBytes} bytes`);
    await handle.sync().catch(classed);
  } finally {
    listener?.[Symbol.dispose]();
    await handle.close();
  }
}

/** Makes the folder and removes what crashed processes left in it. */
async function prepare(folder: string): Promise<void> {
  try {
    makeFolder(folder);
    for (const name of await readdir(folder)) {
      if (await isAbandoned(join(folder, name), name)) await rm(join(folder, name), { force: true });
    }
  } catch (error) {
    throw fileError(error, `write to ${folder}`);
  }
}

async function isAbandoned(path: string, name: string): Promise<boolean> {
  const [pid, host] = [Number(name.split(".").at(-2)), name.split(".").slice(0, -2).join(".")];
  if (host === hostname() && Number.isSafeInteger(pid)) return !isAlive(pid);
  try {
    return Date.now() - (await stat(path)).mtimeMs > FOREIGN_LEFTOVER_MS;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false; // Its writer has just finished.
    throw error;
  }
}

/** Codes of link() on a file system without hard links (exFAT, some network mounts), or without more of one file. */
export const NO_HARD_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/**
 * Removes a temporary file, if it can be: what the file was for has failed or is done, and that is what the caller tells. One that stays is
 * removed by the next start. (rm() of `force` looks first, which is a system call more for every object.)
 */
export async function discard(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
