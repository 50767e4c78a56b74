import type Database from "better-sqlite3";
import { alignedRows } from "./aligned-rows.ts";
import type { ImageScoreRecord, RowImageRecord, RowRecord } from "./export-rows.ts";

/** A row of the plan as its table has it; its images are those of its prompt. */
export interface PlacedRow extends RowRecord {
  readonly split: number;
  readonly chosen: string;
  readonly chosenScore: number | null;
}

/** An image of a prompt, whichever rows show it. */
export type PromptImage = Omit<RowImageRecord, "rowId" | "rank" | "score">;

export interface RejectedImage {
  readonly imageId: string;
  readonly score: number | null;
}

interface PlannedRowScope {
  readonly pairSet: string;
  /** SQL: the URI of image `i`. */
  readonly uriOf: string;
  readonly uriPrefix: string | null;
}

export interface PromptImages extends Disposable {
  of(promptKey: string): readonly PromptImage[];
}

type ImageTuple = [string, string | null, string | null, string, number, string | null, number | null, number | null];
type JobTuple = [string, string, string];
type ScoreTuple = [string, string, string, number | null];
type SizeTuple = [string, number | null, number | null];

/**
 * Reads planned rows in the order of the table of links, which is about that of prompts, jobs, images and scores: what is needed next lies
 * beside what was read last, where the order of ids would look up each of them in another page of the file.
 */
export function plannedRowQueries(client: Database.Database, { pairSet, uriOf, uriPrefix }: PlannedRowScope) {
  const rows = client.prepare<[], PlacedRow>(`
    select q.split, p.row_id as rowId, p.prompt_key as promptKey, prompt, sent, negative, bound, source_id as sourceId, meta, criterion, source,
      margin, agreement, n_votes as nVotes, n_candidates as nCandidates, chosen, chosen_score as chosenScore
    from plan_rows as q cross join preferences as p on p.rowid = q.place cross join prompts using (prompt_key) order by q.place`);
  const rejected = client
    .prepare<[string, string], [string, number | null]>(
      `select image_id, score from preference_rejected where pair_set = ? and row_id = ? order by rank`,
    )
    .raw();
  // Joining an empty table costs more than the rest of the statement.
  const hasAdopted = client.prepare(`select 1 from adopted_images limit 1`).get() !== undefined;
  const [params, adopted] = hasAdopted ? ["adopted_images.params", "left join adopted_images using (image_id)"] : ["null", ""];
  const images = client
    .prepare<[{ uriPrefix: string | null; promptKey: string }], ImageTuple>(
      `select i.image_id, ${uriOf}, i.sha256, i.job, i.batch_index, ${params}, i.width, i.height
      from images as i ${adopted} where i.prompt_key = @promptKey`,
    )
    .raw();
  // All of a prompt together: they lie beside each other, and each by its hash is anywhere.
  const jobs = client.prepare<[string], JobTuple>(`select job, seed, variant from jobs where prompt_key = ?`).raw();
  const sizes = client.prepare<[], SizeTuple>(`select image_id, width, height from inspections order by rowid`).raw();
  const size = client.prepare<[string], SizeTuple>(`select image_id, width, height from inspections where image_id = ?`).raw();
  const scores = client.prepare<[string], ScoreTuple>(`select image_id, judge, version, score from scores where prompt_key = ?`).raw();

  return {
    /** Every planned row, one at a time: a prompt has no limit in size. Other reads may go on meanwhile. */
    placedRows: (): IterableIterator<PlacedRow> => rows.iterate(),
    /** Best first. */
    rejectedOf: (rowId: string): readonly RejectedImage[] => rejected.all(pairSet, rowId).map(([imageId, score]) => ({ imageId, score })),
    /** Reads along with `placedRows`; until it is disposed of, nothing can be written on this connection. */
    promptImages(): PromptImages {
      const inOrder = sizes.iterate();
      const sizeOf = alignedRows(inOrder, { keyOf: ([imageId]) => imageId, lookUp: (imageId) => size.get(imageId) });
      return {
        of(promptKey) {
          const made = new Map(jobs.all(promptKey).map(([job, seed, variant]) => [job, { seed, variant }]));
          return images.all({ uriPrefix, promptKey }).flatMap(([imageId, uri, sha256, job, batchIndex, own, width, height]) => {
            const by = made.get(job);
            if (by === undefined) return [];
            const [, seenWidth = null, seenHeight = null] = sizeOf(imageId) ?? [];
            return { imageId, uri, sha256, ...by, batchIndex, params: own, widthPx: seenWidth ?? width, heightPx: seenHeight ?? height };
          });
        },
        [Symbol.dispose]: () => void inOrder.return?.(),
      };
    },
    scoresOfPrompt: (promptKey: string): readonly ImageScoreRecord[] =>
      scores.all(promptKey).map(([imageId, judge, version, score]) => ({ imageId, judge, version, score })),
  };
}
