import { FatalError } from "../../../errors.ts";
import { OPTIONAL_COLUMNS } from "../../../exporters/row.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { isDamage, openPublished, publishedLines } from "./published-file.ts";
import type { DataFile } from "../make/manifest.ts";

/** Rows that may stand before the others: at most one for each optional column. The others are in the order of ids. */
const FRONT_ROWS_MAX = OPTIONAL_COLUMNS.length;

/** A row of a published version. */
export interface PublishedRow {
  readonly id: string;
  readonly split: string;
  /** Its line, without the end. */
  readonly bytes: Buffer;
}

export interface PublishedFiles {
  /** Files of one version, table and split, in their order. */
  readonly files: readonly DataFile[];
  readonly version: string;
}

export interface ReadRowsNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "get" | "uriOf">;
  readonly signal: AbortSignal;
}

/**
 * Reads the rows of a split of a version in the order of their ids, and compares the checksum of each file. Holds the rows that may stand
 * at the front, and one more.
 * @throws {FatalError} where a file is missing or damaged.
 */
export async function* readPublishedRows({ files, version }: PublishedFiles, needs: ReadRowsNeeds): AsyncGenerator<PublishedRow> {
  const front: PublishedRow[] = [];
  let isSorted = false;
  let previous = "";
  for (const file of files) {
    for await (const row of readFileRows(file, version, needs)) {
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

async function* readFileRows(file: DataFile, version: string, { store, signal }: ReadRowsNeeds): AsyncGenerator<PublishedRow> {
  using opened = await openPublished(store, `${version}/${file.path}`, signal);
  if (opened === null) throw damaged(file, version, "it is missing");
  try {
    for await (const { number, bytes } of publishedLines(file.path, opened.chunks)) {
      const id = parseId(bytes);
      if (id === null) throw damaged(file, version, `line ${number} is no row with an id`);
      yield { id, split: file.split, bytes };
    }
  } catch (error) {
    if (isDamage(error)) throw damaged(file, version, "it cannot be read to its end");
    throw error;
  }
  if ((await opened.sha256()) !== file.sha256) throw damaged(file, version, "it does not have the SHA-256 that the manifest says");
}

/** Reads the id of a row. Rows of every table begin with it (votes call it vote_id), unless they are minimal. */
function parseId(bytes: Buffer): string | null {
  return /^\{"(?:vote_)?id":"([A-Za-z0-9_-]{1,100})"/.exec(bytes.toString("latin1", 0, 128))?.[1] ?? null;
}

function damaged({ path }: DataFile, version: string, why: string): FatalError {
  return new FatalError(`Cannot read ${version}/${path}: ${why}`, { hint: `verify ${version}` });
}
