import { createHash } from "node:crypto";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { allExports } from "../../../db/queries/export/exports.ts";
import type { Db } from "../../../db/open.ts";
import { ConfigError, messageOf } from "../../../errors.ts";
import { hashedChunks } from "../../../lib/streams.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { parseChecksums, CHECKSUMS } from "../../export/make/checksums.ts";
import { readImagesCsv } from "../../export/make/images-csv.ts";
import { isDamage } from "../../export/versions/published-file.ts";

/** Images written into the temporary table at a time. */
const CHUNK_IMAGES = 1_000;
const LIST = "images.csv";

export interface UsedNeeds {
  readonly db: Pick<Db, "orm" | "file">;
  /** Takes each image that a version shows. */
  readonly images: { addUsed(imageIds: readonly string[]): void };
  /** Opens a place of versions. */
  readonly openStore: (uri: string) => Promise<ObjectStore>;
  /** The place that the configuration exports to now. */
  readonly exportUri: string;
  /** Versions that were completed and are no longer there count as given up. */
  readonly ignoreMissing: boolean;
  readonly signal: AbortSignal;
}

/**
 * Finds which images exports show: of every version that was ever made, and of each that lies where they were made. Answers how many
 * versions.
 * @throws {ConfigError} where a version that was completed is not there, or its list cannot be read: what it shows must not be deleted.
 */
export async function markUsedImages(needs: UsedNeeds): Promise<number> {
  const { db, exportUri, ignoreMissing } = needs;
  const made = Map.groupBy(allExports(db), ({ uri }) => uri);
  let versions = 0;
  for (const uri of new Set([...made.keys(), exportUri])) {
    const store = await needs.openStore(uri);
    try {
      const found = await versionsIn(store, needs.signal);
      const lost = (made.get(uri) ?? []).filter(({ version, state }) => state === "complete" && !found.has(version));
      const [first] = lost;
      if (first !== undefined && !ignoreMissing) {
        throw new ConfigError(`Cannot tell which images ${first.version} shows: it was exported to ${uri}, and is no longer there`, {
          hint: `bring it back, or prune --ignore-missing if nobody needs it any more`,
        });
      }
      for (const version of found) await markVersion(store, version, needs);
      versions += found.size;
    } finally {
      await store.close();
    }
  }
  return versions;
}

/** Complete or not: what an interrupted export has listed, its continuation will list again. */
async function versionsIn(store: Pick<ObjectStore, "list">, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const versions = new Set<string>();
  for await (const { key } of store.list("", signal)) {
    const [version = "", name, ...rest] = key.split("/");
    if (name === LIST && rest.length === 0) versions.add(version);
  }
  return versions;
}

type Versions = Pick<ObjectStore, "get" | "uriOf">;

async function markVersion(store: Versions, version: string, { images, signal }: UsedNeeds): Promise<void> {
  const key = `${version}/${LIST}`;
  const body = await store.get(key, signal);
  if (body === null) return;
  const untold = (problem: string): ConfigError =>
    new ConfigError(`Cannot tell which images ${version} shows: ${store.uriOf(key)} ${problem}`, {
      hint: "verify says more; bring the file back, or remove the whole version if nobody needs it",
    });
  const hash = createHash("sha256");
  let chunk: string[] = [];
  try {
    // Without an encoding a stream yields Buffers.
    for await (const listed of readImagesCsv(hashedChunks(body as AsyncIterable<Buffer>, hash))) {
      if (typeof listed === "string") throw untold(listed);
      chunk.push(basename(listed.uri).replace(/\.[^.]*$/, ""));
      if (chunk.length < CHUNK_IMAGES) continue;
      images.addUsed(chunk);
      chunk = [];
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw untold(`is damaged: ${messageOf(error)}`);
  }
  images.addUsed(chunk);
  const sums = await store.get(`${version}/${CHECKSUMS}`, signal);
  // An interrupted export has not come to it; each of its files is whole.
  if (sums === null) return;
  // A list that lost its last lines is in good form.
  if (parseChecksums(await text(sums)).get(LIST) !== hash.digest("hex")) throw untold(`does not have the bytes that ${CHECKSUMS} says`);
}
