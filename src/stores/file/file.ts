import { createReadStream, type Stats, closeSync, fstatSync, open as openCallback, read as readCallback } from "node:fs";
import { link, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigError } from "../../errors.ts";
import { makeFolder } from "../../lib/files/make-folder.ts";
import { mapStreamErrors } from "../../lib/streams.ts";
import { errnoOf } from "../../lib/files/file-problem.ts";
import { fileError } from "./file-errors.ts";
import { folderSyncs } from "./folder-syncs.ts";
import { type ListedObject, type ObjectInfo, type ObjectStore, checkKey } from "../object-store.ts";
import { partialFiles, PARTIAL_FOLDER, NO_HARD_LINKS, discard } from "./partial-files.ts";
import { MIB } from "../../lib/units.ts";
import { promisify } from "node:util";

/** Read at a time: a PNG of 1024 px. 16 at once are 32 MiB. */
const PIECE_MAX_BYTES = 2 * MIB;

/**
 * A folder as an object store: `file:///absolute/folder`. An object is written beside the others under a temporary name, flushed to
 * the disk and linked to its own name, so that no name ever shows half an object, whatever crashes.
 * @throws {ConfigError} if the URI names no absolute folder.
 */
export function fileStore(uri: string): ObjectStore {
  const root = folderOf(uri);
  const partials = partialFiles(root);
  const syncFolder = folderSyncs();

  const pathOf = (key: string): string => join(root, ...checkKey(key).split("/"));

  return {
    uri: pathToFileURL(root).href,
    uriOf: (key) => pathToFileURL(pathOf(key)).href,

    async putNew(key, body, sizeBytes, { signal }) {
      const path = pathOf(key);
      // A stream is worth the look; bytes are written, and link() says it then.
      if (!(body instanceof Uint8Array) && (await infoOf(path)) !== null) {
        body.destroy();
        return "exists";
      }
      const partial = await partials.write(body, sizeBytes, signal);
      try {
        return await publishNew(partial, path, syncFolder);
      } finally {
        await discard(partial);
      }
    },

    async put(key, body, sizeBytes, { signal }) {
      const path = pathOf(key);
      const partial = await partials.write(body, sizeBytes, signal);
      try {
        await nameDurably(path, syncFolder, () => rename(partial, path));
      } catch (error) {
        await discard(partial);
        throw fileError(error, `write ${path}`);
      }
    },

    async putFile(key, file) {
      const path = pathOf(key);
      const partial = await partials.link(file);
      if (partial === null) return false;
      try {
        await nameDurably(path, syncFolder, () => rename(partial, path));
      } catch (error) {
        throw fileError(error, `write ${path}`);
      } finally {
        await discard(partial); // rename() leaves it where `path` is this file already.
      }
      return true;
    },

    head: (key) => infoOf(pathOf(key)),

    async get(key) {
      const path = pathOf(key);
      try {
        const handle = await open(path, "r");
        const { size } = await handle.stat();
        // An object in one piece where it is no larger: in pieces of 64 KiB, reading an image costs four times as much CPU.
        const pieces = size === 0 ? {} : { highWaterMark: Math.min(size, PIECE_MAX_BYTES), end: size - 1 };
        return mapStreamErrors(createReadStream(path, { fd: handle, ...pieces }), (error) => fileError(error, `read ${path}`));
      } catch (error) {
        if (isMissing(error)) return null;
        throw fileError(error, `read ${path}`);
      }
    },

    async readInto(key, bytes) {
      const path = pathOf(key);
      try {
        return await readFileInto(path, bytes);
      } catch (error) {
        if (isMissing(error)) return null;
        throw fileError(error, `read ${path}`);
      }
    },

    async delete(key) {
      const path = pathOf(key);
      try {
        await unlink(path);
      } catch (error) {
        if (!isMissing(error)) throw fileError(error, `delete ${path}`);
      }
    },

    list: (prefix) => listFolder(root, { folder: "", prefix }),
    close: () => Promise.resolve(),
  };
}

function folderOf(uri: string): string {
  // fileURLToPath takes "file:images" for /images.
  if (uri.startsWith("file:///")) return fileURLToPath(uri);
  throw new ConfigError(`Cannot use the store ${uri}: it is no absolute folder`, { hint: "write file:///absolute/folder" });
}

async function infoOf(path: string): Promise<ObjectInfo | null> {
  const found = await statOf(path);
  return found === null ? null : { sizeBytes: found.size, uri: pathToFileURL(path).href };
}

/** Reads the facts of a file; null if none is. */
async function statOf(path: string): Promise<Stats | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw fileError(error, `look at ${path}`);
  }
}

/** Gives a complete file its name. link() never replaces, rename() does. */
async function publishNew(partial: string, path: string, syncFolder: SyncFolder): Promise<"created" | "exists"> {
  try {
    await nameDurably(path, syncFolder, () => link(partial, path));
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EEXIST") return "exists";
    if (code === undefined || !NO_HARD_LINKS.has(code)) throw fileError(error, `write ${path}`);
    if ((await infoOf(path)) !== null) return "exists";
    await nameDurably(path, syncFolder, () => rename(partial, path)).catch((cause: unknown) =>
      Promise.reject(fileError(cause, `write ${path}`) as Error),
    );
  }
  return "created";
}

type SyncFolder = ReturnType<typeof folderSyncs>;

/** Runs a call that names a file, making its folder if that is what was missing; over once the disk has the names of both. */
async function nameDurably(path: string, syncFolder: SyncFolder, call: () => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const toSync = [folder];
  try {
    await call();
  } catch (error) {
    if (!isMissing(error)) throw error;
    makeFolder(folder);
    toSync.push(dirname(folder));
    await call();
  }
  await Promise.all(toSync.map(syncFolder));
}

interface Listing {
  /** Folder below the root: "" or ending in a slash. */
  readonly folder: string;
  readonly prefix: string;
}

async function* listFolder(root: string, { folder, prefix }: Listing): AsyncGenerator<ListedObject> {
  const names = (await entriesOf(join(root, folder)))
    .filter((entry) => entry.isDirectory() || entry.isFile())
    .map((entry) => folder + entry.name + (entry.isDirectory() ? "/" : ""))
    .filter(
      (key) =>
        key !== `${PARTIAL_FOLDER}/` && (key.endsWith("/") ? key.startsWith(prefix) || prefix.startsWith(key) : key.startsWith(prefix)),
    )
    // Byte order of whole keys: a folder sorts with its slash.
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const key of names) {
    if (key.endsWith("/")) yield* listFolder(root, { folder: key, prefix });
    else {
      const found = await statOf(join(root, key));
      if (found !== null) yield { key, sizeBytes: found.size, modifiedAtMs: found.mtimeMs };
    }
  }
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, `list ${folder}`);
  }
}

function isMissing(error: unknown): boolean {
  return errnoOf(error) === "ENOENT";
}

// FileHandles cost more than what they do: three of their calls, and what is kept of each for the collector.
const [openFile, readPiece] = [promisify(openCallback), promisify(readCallback)];

/**
 * Fills memory with a file of just its length. Answers the length that the file has; where that is another, memory holds anything.
 * Only what waits for the disk is left to the thread pool: to ask an open file for its length, or to close it, is less than the way there.
 */
async function readFileInto(path: string, bytes: Uint8Array): Promise<number> {
  const file = await openFile(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size !== bytes.length) return size;
    for (let at = 0; at < size;) {
      const { bytesRead } = await readPiece(file, bytes, at, size - at, at);
      if (bytesRead === 0) return at; // Cut since.
      at += bytesRead;
    }
    return size;
  } finally {
    closeSync(file);
  }
}
