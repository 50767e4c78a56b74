import type Database from "better-sqlite3";
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

type ImageTuple = [string, string | null, string | null, string, number, string, string | null, number | null, number | null];
type ScoreTuple = [string, string, string, number | null];

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
  const images = client
    .prepare<[{ uriPrefix: string | null; promptKey: string }], ImageTuple>(
      `select i.image_id, ${uriOf}, i.sha256, jobs.seed, i.batch_index, jobs.variant, adopted_images.params,
        coalesce(inspections.width, i.width), coalesce(inspections.height, i.height)
      from images as i cross join jobs using (job) left join inspections using (image_id) left join adopted_images using (image_id)
      where i.prompt_key = @promptKey`,
    )
    .raw();
  const scores = client.prepare<[string], ScoreTuple>(`select image_id, judge, version, score from scores where prompt_key = ?`).raw();

  return {
    /** Every planned row, one at a time: a prompt has no limit in size. Other reads may go on meanwhile. */
    placedRows: (): IterableIterator<PlacedRow> => rows.iterate(),
    /** Best first. */
    rejectedOf: (rowId: string): readonly RejectedImage[] => rejected.all(pairSet, rowId).map(([imageId, score]) => ({ imageId, score })),
    imagesOfPrompt: (promptKey: string): readonly PromptImage[] =>
      images.all({ uriPrefix, promptKey }).map(([imageId, uri, sha256, seed, batchIndex, variant, params, widthPx, heightPx]) => ({
        imageId,
        uri,
        sha256,
        seed,
        batchIndex,
        variant,
        params,
        widthPx,
        heightPx,
      })),
    scoresOfPrompt: (promptKey: string): readonly ImageScoreRecord[] =>
      scores.all(promptKey).map(([imageId, judge, version, score]) => ({ imageId, judge, version, score })),
  };
}
