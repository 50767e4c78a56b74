import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, extname } from "node:path";
import { acquireProcessLock, isLocked, type ProcessLock } from "../../db/process-lock.ts";
import { FatalError, messageOf } from "../../errors.ts";
import { type Clock, pause } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";

/** The package's root. This file is in src/page/server in the repository, and in dist/page/server in the package. */
const ROOT = join(import.meta.dirname, "../../..");
/**
 * A file in dist/web with a hash of the sources that it was built from. Times would not do: a checkout of another commit may leave older
 * ones.
 */
const STAMP = "built-from.sha256";
const LOCK = "page";
/** Interval at which a process checks whether another one has finished building, ms. */
const LOOK_MS = 100;
const OUTPUT_KEPT_CHARS = 4_000;

interface EnsureOptions {
  readonly log: Pick<Log, "info">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Root of a package with the sources in src/page/web, or the built page in dist/web. */
  readonly root?: string;
}

/**
 * Builds the page into dist/web if it is missing or was built from other sources. A published package contains the built page and no
 * sources. If several processes start at once, one builds and the others wait.
 * @throws {FatalError} if there is no page to serve.
 */
export async function ensurePageBuilt({ log, clock, signal, root = ROOT }: EnsureOptions): Promise<void> {
  if (!existsSync(join(root, "src/page/web"))) {
    if (existsSync(join(root, "dist/web/index.html"))) return;
    throw new FatalError(`Cannot serve the annotation page: ${join(root, "dist/web")} has no index.html`, {
      hint: "install the package again",
    });
  }
  const hash = await hashSources(root);
  const isFresh = async (): Promise<boolean> => (await readFile(join(root, "dist/web", STAMP), "utf8").catch(() => null)) === hash;
  if (await isFresh()) return;
  try {
    using _lock = await waitForLock(join(root, "dist"), { clock, signal });
    if (await isFresh()) return;
    log.info("Building the annotation page");
    await build(root, hash);
  } catch (error) {
    signal.throwIfAborted();
    throw new FatalError(`Cannot build the annotation page: ${messageOf(error)}`, {
      cause: error,
      hint: "`pnpm install`, then `pnpm build`, which shows the details",
    });
  }
}

/** Returns the SHA-256 (hex) of everything that decides the built files. */
async function hashSources(root: string): Promise<string> {
  const entries = await readdir(join(root, "src/page/web"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash("sha256");
  for (const file of [...files, join(root, "vite.config.ts"), join(root, "pnpm-lock.yaml")].toSorted()) {
    const bytes = await readFile(file);
    hash.update(`${relative(root, file)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

async function waitForLock(dir: string, { clock, signal }: Pick<EnsureOptions, "clock" | "signal">): Promise<ProcessLock> {
  for (;;) {
    // Checked first: acquiring a lock that is held blocks for a second.
    if (!isLocked(dir, LOCK)) {
      try {
        return acquireProcessLock(dir, LOCK);
      } catch (error) {
        if (!isLocked(dir, LOCK)) throw error;
      }
    }
    await pause(clock, { delayMs: LOOK_MS, signal });
    signal.throwIfAborted();
  }
}

/** Builds into another folder first, so that a server that reads dist/web finds the files of one build. */
async function build(root: string, hash: string): Promise<void> {
  const built = join(root, "dist/web");
  const fresh = `${built}.fresh`;
  const old = `${built}.old`;
  const clear = (): Promise<unknown> => Promise.all([fresh, old].map((folder) => rm(folder, { recursive: true, force: true })));
  await clear();
  try {
    await runVite(root, ["build", "--outDir", fresh, "--logLevel", "warn"]);
    await writeFile(join(fresh, STAMP), hash);
    if (existsSync(built)) await rename(built, old);
    await rename(fresh, built);
  } finally {
    await clear();
  }
}

/** Runs Vite in another process, so that its memory is freed before the first visitor comes. */
async function runVite(root: string, args: readonly string[]): Promise<void> {
  const program = join(root, "node_modules/vite/bin/vite.js");
  if (!existsSync(program)) throw new Error("Vite is not installed");
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-OUTPUT_KEPT_CHARS)));
  }
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (exit !== 0) throw new Error(`Vite ended with ${exit ?? "a signal"}: ${output.trim()}`);
}

/** Folder of the built page. */
const PAGE_FOLDER = join(import.meta.dirname, "../../../dist/web");

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

export interface StaticFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** True if the name contains a hash of the content. */
  readonly isImmutable: boolean;
}

/**
 * Reads the built page into memory, by URL path. Requests are answered from this table alone: no path from a request reaches the file
 * system.
 * @throws {FatalError} if the page is not built.
 */
export async function readStaticFiles(folder: string = PAGE_FOLDER): Promise<ReadonlyMap<string, StaticFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, StaticFile>();
  for (const entry of entries) {
    const contentType = CONTENT_TYPES[extname(entry.name)];
    if (!entry.isFile() || contentType === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const url = path.slice(folder.length).replaceAll("\\", "/");
    files.set(url, { bytes: await readFile(path), contentType, isImmutable: url.startsWith("/assets/") });
  }
  const index = files.get("/index.html");
  if (index === undefined) {
    throw new FatalError(`Cannot serve the annotation page: ${folder} has no index.html`, { hint: "run `pnpm build`" });
  }
  files.delete("/index.html");
  for (const path of ["/", "/lead"]) files.set(path, index);
  return files;
}
