import { createHash } from "node:crypto";
import { FatalError } from "../../../errors.ts";
import { unreadableReason } from "./unreadable-reason.ts";
import { isRowFile, type ParsedManifest } from "../make/manifest.ts";
import { indexText, INDEX } from "../make/part-files.ts";
import { readLineage, type Lineage, type LineageNeeds } from "../versions/read-lineage.ts";
import { readText } from "../publish/read-text.ts";

/**
 * What is wrong with a part's `index.json`: a part is nothing without the versions that it builds on, so that each of the files it lists is
 * read, too. Nothing for a whole version.
 */
export async function* indexProblems(
  { version, manifest }: { readonly version: string; readonly manifest: ParsedManifest },
  needs: LineageNeeds,
): AsyncGenerator<string> {
  if (manifest.since === undefined) return;
  try {
    const lineage = (await readLineage(version, needs)).slice(0, -1);
    const index = await readText(needs.store, `${version}/${INDEX}`, needs.signal);
    if (index !== null && index !== indexText(lineage, manifest.files)) yield "does not list the files that make up the whole";
    yield* baseProblems(lineage, needs);
  } catch (error) {
    if (!(error instanceof FatalError) || unreadableReason(error) !== null) throw error;
    yield `cannot be followed: ${error.message}`;
  }
}

async function* baseProblems(lineage: readonly Lineage[number][], needs: LineageNeeds): AsyncGenerator<string> {
  for (const { version, manifest } of lineage) {
    for (const { path, sha256 } of manifest.files.filter(isRowFile)) {
      const found = await hashOf(`${version}/${path}`, needs);
      if (found !== sha256) yield `lists ../${version}/${path}, which ${problemOf(found)}: verify ${version}`;
    }
  }
}

function problemOf(found: string | null): string {
  return found === null ? "is missing or cannot be read" : "does not have its SHA-256";
}

/** Null where nothing is that can be read. */
async function hashOf(key: string, { store, signal }: LineageNeeds): Promise<string | null> {
  try {
    const body = await store.get(key, signal);
    if (body === null) return null;
    const hash = createHash("sha256");
    for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk); // Without an encoding a stream yields Buffers.
    return hash.digest("hex");
  } catch (error) {
    if (unreadableReason(error) === null) throw error;
    return null;
  }
}
