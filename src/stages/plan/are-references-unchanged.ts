import { stat } from "node:fs/promises";
import type { ReferenceQueries } from "../../db/queries/plan/references.ts";

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
