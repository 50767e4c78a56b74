import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { FatalError } from "../../errors.ts";

/** From the package's root, in the repository and in the package: where the page is built to. */
export const PAGE_FOLDER = join(import.meta.dirname, "../../../dist/web");

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
  /** True for names that hold a hash of their content. */
  readonly isImmutable: boolean;
}

/**
 * Reads the built page into memory, by the path of its URL. A request then looks into this table and nowhere else: no path from a request
 * reaches the file system.
 * @throws {FatalError} where there is no page.
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
    throw new FatalError(`Cannot serve the annotation page: ${folder} has no index.html`, { hint: "pnpm build makes it" });
  }
  files.delete("/index.html");
  for (const path of ["/", "/lead"]) files.set(path, index);
  return files;
}
