import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../../lib/files/file-problem.ts";

/** Names of cached images: the SHA-256 of the file that each was made from. */
const CACHED = /^([0-9a-f]{64})\.webp$/;
const TEMPORARY = /\.tmp$/;
/** An eviction goes down to this share of the limit, so that not every new image evicts another. */
const KEEP_SHARE = 0.9;

export interface ImageCache {
  /**
   * Returns the bytes stored under a name (64 hex digits). If there are none, calls `make` and keeps the result. Concurrent callers share
   * one call.
   */
  get(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  has(name: string): boolean;
  /** Total size of the cached files. */
  readonly sizeBytes: number;
}

/**
 * Opens a cache of images on disk that evicts the least recently used. All of it can be made again, so a full or failing disk is not an
 * error.
 * @param folder created if it is missing.
 */
export async function openImageCache(folder: string, { maxBytes }: { readonly maxBytes: number }): Promise<ImageCache> {
  await mkdir(folder, { recursive: true });
  /** name → bytes, least recently used first. */
  const sizes = new Map<string, number>(await listSizes(folder));
  const making = new Map<string, Promise<Uint8Array>>();
  let sizeBytes = sizes.values().reduce((sum, size) => sum + size, 0);
  const pathOf = (name: string): string => join(folder, `${name}.webp`);

  function touch(name: string, size: number): void {
    sizeBytes += size - (sizes.get(name) ?? 0);
    sizes.delete(name);
    sizes.set(name, size);
  }

  async function evict(): Promise<void> {
    if (sizeBytes <= maxBytes) return;
    for (const [name, size] of sizes) {
      if (sizeBytes <= maxBytes * KEEP_SHARE) return;
      sizes.delete(name);
      sizeBytes -= size;
      await rm(pathOf(name), { force: true });
    }
  }

  async function read(name: string): Promise<Uint8Array | null> {
    const size = sizes.get(name);
    if (size === undefined) return null;
    try {
      const bytes = await readFile(pathOf(name));
      touch(name, bytes.length);
      return bytes;
    } catch {
      sizes.delete(name); // Somebody emptied the folder.
      sizeBytes -= size;
      return null;
    }
  }

  async function makeAndKeep(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const bytes = await make();
    const temporary = `${pathOf(name)}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, bytes);
      await rename(temporary, pathOf(name));
      touch(name, bytes.length);
      await evict();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      await rm(temporary, { force: true });
    }
    return bytes;
  }

  return {
    async get(name, make) {
      const kept = await read(name);
      if (kept !== null) return kept;
      const begun = making.get(name) ?? makeAndKeep(name, make).finally(() => making.delete(name));
      making.set(name, begun);
      return begun;
    },
    has: (name) => sizes.has(name),
    get sizeBytes() {
      return sizeBytes;
    },
  };
}

/** Lists the cached files, least recently used first, and removes what a crash left half-written. */
async function listSizes(folder: string): Promise<readonly (readonly [string, number])[]> {
  const found: { readonly name: string; readonly size: number; readonly usedMs: number }[] = [];
  for (const file of await readdir(folder)) {
    const name = CACHED.exec(file)?.[1];
    if (TEMPORARY.test(file)) await rm(join(folder, file), { force: true });
    if (name === undefined) continue;
    const { size, atimeMs, mtimeMs } = await stat(join(folder, file));
    found.push({ name, size, usedMs: Math.max(atimeMs, mtimeMs) });
  }
  return found.toSorted((first, second) => first.usedMs - second.usedMs).map(({ name, size }) => [name, size]);
}
