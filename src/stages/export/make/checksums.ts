import { createHash } from "node:crypto";
import type { SpooledFile } from "./spool.ts";
import { isKey } from "../../../stores/object-store.ts";

export const CHECKSUMS = "SHA256SUMS";

/** Returns the SHA-256 (hex) of a text's UTF-8. */
export function sha256Of(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** Writes `SHA256SUMS` as `sha256sum -c` reads it, sorted by path. Paths are ours: none needs escaping. */
export function checksumsText(files: readonly SpooledFile[]): string {
  return files
    .toSorted((first, second) => (first.path < second.path ? -1 : 1))
    .map(({ path, sha256 }) => `${sha256}  ${path}\n`)
    .join("");
}

/** Reads SHA-256 (hex) by path. Lines of another form are left out, so that their files are found unlisted. */
export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const lines = [...text.matchAll(/^([0-9a-f]{64}) {2}(.+)$/gm)].map(([, sha256 = "", path = ""]) => [path, sha256] as const);
  return new Map(lines.filter(([path]) => isKey(path)));
}
