import { isKey } from "../../../stores/key.ts";
import type { SpooledFile } from "./spool.ts";

/** `SHA256SUMS` as `sha256sum -c` reads it, by path. Paths are ours: none needs escaping. */
export function checksumsText(files: readonly SpooledFile[]): string {
  return files
    .toSorted((first, second) => (first.path < second.path ? -1 : 1))
    .map(({ path, sha256 }) => `${sha256}  ${path}\n`)
    .join("");
}

/** SHA-256 (hex) by path; lines of another form are left out, and so their files are found unlisted. */
export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const lines = [...text.matchAll(/^([0-9a-f]{64}) {2}(.+)$/gm)].map(([, sha256 = "", path = ""]) => [path, sha256] as const);
  return new Map(lines.filter(([path]) => isKey(path)));
}
