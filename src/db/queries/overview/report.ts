import type { Db } from "../../open.ts";
import type { JudgeVersion } from "../annotate/scores.ts";

/** A prompt of the contact sheet. */
export interface SheetPrompt {
  /** The row number in the table, for reads of a range of prompts. */
  readonly row: number;
  readonly promptKey: string;
  readonly prompt: string;
}

/** One image of it. */
export interface SheetImage {
  readonly imageId: string;
  readonly seed: string;
  readonly variant: string;
}

/** An image's part in a training row. */
export interface SheetPlace {
  readonly imageId: string;
  readonly role: "chosen" | "rejected";
  readonly criterion: string;
  /** `people` or `judge:<name>`: who decided. */
  readonly source: string;
  /** The deciding source's. */
  readonly score: number | null;
  readonly nVotes: number;
}

/** Prepares the queries of the contact sheet for a pair set. */
export function sheetQueries({ client }: Pick<Db, "client">, pairSet: string) {
  const prompts = client.prepare<[string, number], SheetPrompt>(
    `select distinct prompts.rowid as row, prompts.prompt_key as promptKey, prompts.prompt
      from preferences join prompts using (prompt_key) where pair_set = ? order by prompts.position limit ?`,
  );
  const images = client.prepare<[string], SheetImage>(
    `select image_id as imageId, jobs.seed, jobs.variant from images join jobs using (job)
      where images.prompt_key = ? and images.state = 'stored' and jobs.inactive = 0 order by image_id`,
  );
  const places = client.prepare<{ pairSet: string; promptKey: string }, SheetPlace>(
    `select imageId, role, criterion, source, score, nVotes from (
      select chosen as imageId, 'chosen' as role, -1 as rank, criterion, source, chosen_score as score, n_votes as nVotes, margin, row_id
      from preferences where pair_set = @pairSet and prompt_key = @promptKey
      union all
      select image_id, 'rejected', rank, criterion, source, score, n_votes, margin, row_id
      from preferences join preference_rejected using (place) where pair_set = @pairSet and prompt_key = @promptKey)
      order by margin desc, row_id, rank`,
  );

  return {
    /** The first linked prompts, in the order of the prompts. */
    prompts: (count: number) => prompts.all(pairSet, count),
    /** The stored candidates of a prompt, in image_id order. */
    imagesOf: (promptKey: string) => images.all(promptKey),
    /** The clearest row first, in each the chosen image before the rejected ones. */
    placesOf: (promptKey: string) => places.all({ pairSet, promptKey }),
  };
}

export interface HistogramBin {
  readonly judge: string;
  /** 0…19: twentieth of the judge's own range. */
  readonly bin: number;
  readonly count: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Counts the scores of stored images by each of these versions, in 20 bins over its own range. Other versions of a judge have
 * other ranges, and of judges that are no longer configured nothing is linked.
 */
export function scoreHistogram({ client }: Pick<Db, "client">, judges: readonly JudgeVersion[]): readonly HistogramBin[] {
  const bins = client.prepare<JudgeVersion, HistogramBin>(
    `with own as materialized (
        select score from scores join images using (image_id)
        where judge = @judge and version = @version and criterion = '' and score is not null and state = 'stored'),
      range as (select min(score) as low, max(score) as high from own)
      select @judge as judge, min(19, cast(case when high > low then 20.0 * (score - low) / (high - low) else 0 end as integer)) as bin,
        count(*) as count, low, high
      from own, range group by bin order by bin`,
  );
  return judges.flatMap(({ judge, version }) => bins.all({ judge, version }));
}
