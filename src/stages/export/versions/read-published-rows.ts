import { createHash } from "node:crypto";
import { FatalError } from "../../../errors.ts";
import { OPTIONAL_COLUMNS } from "../../../exporters/row.ts";
import { byteLines, hashedChunks } from "../../../lib/streams.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { gunzipped, isDamage } from "./published-file.ts";
import type { DataFile } from "../make/manifest.ts";
import { MIB } from "../../../lib/units.ts";

/** A row is a prompt and some images; a line longer than this is damage, not data. */
const LINE_BYTES_MAX = 64 * MIB;
/** No more rows than there are optional columns stand before the others; the rest is in the order of ids. */
const FRONT_ROWS_MAX = OPTIONAL_COLUMNS.length;

/** A row of a published version, as it stands there. */
export interface PublishedRow {
  readonly id: string;
  readonly split: string;
  /** Its line, without the end. */
  readonly bytes: Buffer;
}

export interface PublishedFiles {
  /** Of one version, table and split, in their order. */
  readonly files: readonly DataFile[];
  readonly version: string;
}

export interface ReadRowsNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "get" | "uriOf">;
  readonly signal: AbortSignal;
}

/**
 * The rows of a version's split in the order of their ids, each file's checksum compared on the way. Holds the rows that may stand at
 * the front, and one more. @throws {FatalError} where a file is missing or damaged.
 */
export async function* readPublishedRows({ files, version }: PublishedFiles, needs: ReadRowsNeeds): AsyncGenerator<PublishedRow> {
  const front: PublishedRow[] = [];
  let isSorted = false;
  let previous = "";
  for (const file of files) {
    for await (const row of rowsOf(file, version, needs)) {
      if (front.length < FRONT_ROWS_MAX && !isSorted) {
        front.push(row);
        continue;
      }
      if (!isSorted) front.sort((first, second) => (first.id < second.id ? -1 : 1));
      isSorted = true;
      while (front[0] !== undefined && front[0].id < row.id) yield front.shift() ?? row;
      if (row.id <= previous) throw damaged(file, version, `${row.id} does not stand in the order of ids`);
      previous = row.id;
      yield row;
    }
  }
  yield* front.toSorted((first, second) => (first.id < second.id ? -1 : 1));
}

async function* rowsOf(file: DataFile, version: string, { store, signal }: ReadRowsNeeds): AsyncGenerator<PublishedRow> {
  const body = await store.get(`${version}/${file.path}`, signal);
  if (body === null) throw damaged(file, version, "it is missing");
  const hash = createHash("sha256");
  try {
    const chunks = hashedChunks(body as AsyncIterable<Buffer>, hash); // Without an encoding a stream yields Buffers.
    for await (const { number, bytes } of byteLines(file.path.endsWith(".gz") ? gunzipped(chunks) : chunks, { maxBytes: LINE_BYTES_MAX })) {
      const id = idOf(bytes);
      if (id === null) throw damaged(file, version, `line ${number} is no row with an id`);
      yield { id, split: file.split, bytes };
    }
  } catch (error) {
    if (isDamage(error)) throw damaged(file, version, "it cannot be read to its end");
    throw error;
  } finally {
    body.destroy();
  }
  if (hash.digest("hex") !== file.sha256) throw damaged(file, version, "it does not have the SHA-256 that the manifest says");
}

/** Every table's rows begin with their id (votes call it vote_id), unless they are minimal. */
function idOf(bytes: Buffer): string | null {
  return /^\{"(?:vote_)?id":"([A-Za-z0-9_-]{1,100})"/.exec(bytes.toString("latin1", 0, 128))?.[1] ?? null;
}

function damaged({ path }: DataFile, version: string, why: string): FatalError {
  return new FatalError(`Cannot read ${version}/${path}: ${why}`, { hint: `verify ${version}` });
}
