import type Database from "better-sqlite3";
import type { ImageScoreRecord, RowImageRecord, RowRecord, LinkedRow } from "./row-records.ts";
import { tableReads, type TableReads, mergeCursor, readInOrder, promptCursor, rejectedCursor } from "./merge-cursor.ts";

/** A planned row as its tables have it. Its images are read by their ids. */
export interface PlacedRow extends RowRecord {
  readonly place: number;
  readonly split: number;
  readonly chosen: string;
  readonly chosenScore: number | null;
}

/** An image, without the row that shows it. */
export interface PromptImage extends Omit<RowImageRecord, "rowId" | "rank" | "score"> {
  readonly promptKey: string;
  readonly sizeBytes: number | null;
}

/** Returns SQL of the URI of an image `i`, or of a reference image `f`. */
export const uriSql = (table: "i" | "f"): string => `@uriPrefix || ${table}.key`;

type PlacedTuple = [
  place: number,
  split: number,
  rowId: string,
  promptKey: string,
  criterion: string,
  source: string,
  margin: number | null,
  agreement: number | null,
  nVotes: number,
  nCandidates: number,
  chosen: string,
  chosenScore: number | null,
];
type PromptTuple = [
  place: number,
  promptKey: string,
  prompt: string,
  sent: string,
  negative: string,
  bound: string,
  sourceId: string | null,
  meta: string,
];
type ImageTuple = [
  place: number,
  imageId: string,
  promptKey: string,
  uri: string | null,
  sha256: string | null,
  sizeBytes: number | null,
  job: string,
  batchIndex: number,
  params: string | null,
  widthPx: number | null,
  heightPx: number | null,
];
type JobTuple = [place: number, job: string, seed: string, variant: string];
type SizeTuple = [place: number, imageId: string, widthPx: number | null, heightPx: number | null];
type ScoreTuple = [place: number, imageId: string, score: number | null];

/**
 * Reads planned rows in the order of the table of links, which is about that of prompts, jobs, images and scores. So each table is read
 * once from its start to its end. In the order of ids, each row would be in another page of an index that no cache holds.
 */
export function plannedRowQueries(client: Database.Database, uriPrefix: string) {
  const rows = client
    .prepare<[number, number], PlacedTuple>(
      `select q.place, q.split, p.row_id, p.prompt_key, criterion, source, margin, agreement, n_votes, n_candidates, chosen, chosen_score
      from plan_rows as q cross join preferences as p using (place) where q.place > ? order by q.place limit ?`,
    )
    .raw();

  return {
    /** Yields every planned row. Between two of them the connection may be read and written. */
    *placedRows(): Generator<PlacedRow> {
      const findPrompt = promptCursor(promptReads(client));
      for (const row of readInOrder((after, count) => rows.all(after, count))) {
        const [place, split, rowId, promptKey, criterion, source, margin, agreement, nVotes, nCandidates, chosen, chosenScore] = row;
        const [, , prompt, sent, negative, bound, sourceId, meta] = findPrompt(promptKey);
        const link = { place, split, rowId, promptKey, criterion, source, margin, agreement, nVotes, nCandidates, chosen, chosenScore };
        yield { ...link, prompt, sent, negative, bound, sourceId, meta };
      }
    },
    /** Reads the rejected images of rows that come in their order, best first. */
    rejectedCursor: () => rejectedCursor(client),
    /** Reads images of rows that come in their order; undefined where there is none. */
    imageCursor: () => imageCursor(client, uriPrefix),
    /** Reads the scores of these judges for images of rows that come in their order. */
    scoreCursor: (versions: ReadonlyMap<string, string>) => scoreCursor(client, versions),
  };
}

function imageCursor(client: Database.Database, uriPrefix: string) {
  // Joining an empty table costs more than the rest of the statement.
  const hasAdopted = client.prepare(`select 1 from adopted_images limit 1`).get() !== undefined;
  const [own, adopted] = hasAdopted ? ["adopted_images.params", "left join adopted_images using (image_id)"] : ["null", ""];
  const image = `select i.rowid, i.image_id, i.prompt_key, ${uriSql("i")}, i.sha256, i.bytes, i.job, i.batch_index, ${own}, i.width, i.height from images as i ${adopted}`;
  const imagePage = client
    .prepare<[{ uriPrefix: string; after: number; count: number }], ImageTuple>(
      `${image} where i.rowid > @after order by i.rowid limit @count`,
    )
    .raw();
  const oneImage = client.prepare<[{ uriPrefix: string; imageId: string }], ImageTuple>(`${image} where i.image_id = @imageId`).raw();
  const findImage = mergeCursor({
    page: (after, count) => imagePage.all({ uriPrefix, after, count }),
    one: (imageId) => oneImage.get({ uriPrefix, imageId }),
  });
  const job = "select rowid, job, seed, variant from jobs";
  const jobPage = client.prepare<[number, number], JobTuple>(`${job} where rowid > ? order by rowid limit ?`).raw();
  const oneJob = client.prepare<[string], JobTuple>(`${job} where job = ?`).raw();
  const findJob = mergeCursor(tableReads(jobPage, oneJob));
  const size = "select rowid, image_id, width, height from inspections";
  const sizePage = client.prepare<[number, number], SizeTuple>(`${size} where rowid > ? order by rowid limit ?`).raw();
  const oneSize = client.prepare<[string], SizeTuple>(`${size} where image_id = ?`).raw();
  const findSize = mergeCursor(tableReads(sizePage, oneSize));
  // The images of a batch follow each other.
  let lastJob: JobTuple | undefined;
  return (id: string): PromptImage | undefined => {
    const found = findImage(id);
    if (found === undefined) return undefined;
    const [, imageId, promptKey, uri, sha256, sizeBytes, jobId, batchIndex, params, width, height] = found;
    if (lastJob?.[1] !== jobId) lastJob = findJob(jobId);
    if (lastJob === undefined) return undefined;
    const [, , seed, variant] = lastJob;
    const [, , seenWidth = null, seenHeight = null] = findSize(imageId) ?? [];
    const side = { widthPx: seenWidth ?? width, heightPx: seenHeight ?? height };
    return { imageId, promptKey, uri, sha256, sizeBytes, seed, variant, batchIndex, params, ...side };
  };
}

/** Reads the scores of each judge by a cursor of its own: those of one prompt may lie far apart for two judges. */
function scoreCursor(client: Database.Database, versions: ReadonlyMap<string, string>): (imageId: string) => readonly ImageScoreRecord[] {
  const from = "select rowid, image_id, score from scores";
  const page = client
    .prepare<[string, string, number, number], ScoreTuple>(
      `${from} where +judge = ? and +version = ? and +criterion = '' and rowid > ? order by rowid limit ?`,
    )
    .raw();
  const one = client
    .prepare<[string, string, string], ScoreTuple>(`${from} where judge = ? and version = ? and criterion = '' and image_id = ?`)
    .raw();
  const judges = [...versions]
    // A judge without scores would be looked up for every image.
    .filter(([judge, version]) => page.get(judge, version, 0, 1) !== undefined)
    .map(([judge, version]) => {
      const find = mergeCursor({
        page: (after, count) => page.all(judge, version, after, count),
        one: (imageId) => one.get(judge, version, imageId),
      });
      return { judge, version, find };
    });
  return (imageId) =>
    judges.flatMap(({ judge, version, find }) => {
      const found = find(imageId);
      return found === undefined ? [] : [{ imageId, judge, version, score: found[2] }];
    });
}

function promptReads(client: Database.Database): TableReads<PromptTuple> {
  const columns = "select rowid, prompt_key, prompt, sent, negative, bound, source_id, meta from prompts";
  const page = client.prepare<[number, number], PromptTuple>(`${columns} where rowid > ? order by rowid limit ?`).raw();
  const one = client.prepare<[string], PromptTuple>(`${columns} where prompt_key = ?`).raw();
  return tableReads(page, one);
}

type LinkTuple = [
  place: number,
  rowId: string,
  promptKey: string,
  source: string,
  chosenScore: number | null,
  margin: number | null,
  agreement: number | null,
];
type LinkedPromptTuple = [place: number, promptKey: string, prompt: string, hasReferences: 0 | 1];

/** Reads every linked row of a pair set, in the order of links. Between two of them the connection may be written on. */
export function* linkedRows(client: Database.Database, pairSet: string): Generator<LinkedRow> {
  const page = client
    .prepare<[string, number, number], LinkTuple>(
      `select place, row_id, prompt_key, source, chosen_score, margin, agreement from preferences
      where +pair_set = ? and place > ? order by place limit ?`,
    )
    .raw();
  const findPrompt = promptCursor(linkedPromptReads(client));
  const readRejected = rejectedCursor(client);
  for (const row of readInOrder((after, count) => page.all(pairSet, after, count))) {
    const [place, rowId, promptKey, source, chosenScore, margin, agreement] = row;
    const [, , prompt, hasReferences] = findPrompt(promptKey);
    const rejected = readRejected(place);
    let [rejectedLow, rejectedHigh]: [number | null, number | null] = [null, null];
    for (const { score } of rejected) {
      if (score === null || !Number.isFinite(score)) continue;
      if (rejectedLow === null || score < rejectedLow) rejectedLow = score;
      if (rejectedHigh === null || score > rejectedHigh) rejectedHigh = score;
    }
    const scores = { chosenScore, rejectedScore: rejected[0]?.score ?? null, rejectedLow, rejectedHigh };
    yield { place, rowId, prompt, source, ...scores, margin, agreement, hasReferences };
  }
}

function linkedPromptReads(client: Database.Database): TableReads<LinkedPromptTuple> {
  const columns = "select rowid, prompt_key, prompt, reference_files <> '{}' from prompts";
  const page = client.prepare<[number, number], LinkedPromptTuple>(`${columns} where rowid > ? order by rowid limit ?`).raw();
  const one = client.prepare<[string], LinkedPromptTuple>(`${columns} where prompt_key = ?`).raw();
  return tableReads(page, one);
}
