import type { Db } from "../open.ts";

/** One picture of a contact sheet. */
export interface SheetImage {
  readonly promptKey: string;
  readonly prompt: string;
  readonly imageId: string;
  readonly seed: string;
  readonly variant: string;
  readonly score: number | null;
  /** `chosen`, `rejected` or null where the image is in no row. */
  readonly role: "chosen" | "rejected" | null;
}

/** The images of the first `groups` linked prompts of a pair set, in the order of the prompts. */
export function contactSheet(
  { client }: Pick<Db, "client">,
  { pairSet, groups }: { readonly pairSet: string; readonly groups: number },
): readonly SheetImage[] {
  return client
    .prepare<[string, number, string, string], SheetImage>(
      `with shown as (
        select distinct prompts.prompt_key, prompts.prompt, prompts.position from preferences join prompts using (prompt_key)
        where pair_set = ? order by prompts.position limit ?)
      select shown.prompt_key as promptKey, shown.prompt, images.image_id as imageId, jobs.seed, jobs.variant, max(scores.score) as score,
        case when exists (select 1 from preferences where pair_set = ? and chosen = images.image_id) then 'chosen'
          when exists (select 1 from preference_rejected where pair_set = ? and image_id = images.image_id) then 'rejected' end as role
      from shown join images using (prompt_key) join jobs using (job) left join scores using (image_id)
      where images.state = 'stored' group by images.image_id
      order by shown.position, role is null, role, score desc, images.image_id`,
    )
    .all(pairSet, groups, pairSet, pairSet);
}

export interface HistogramBin {
  readonly judge: string;
  /** 0…19: twentieth of the judge's own range. */
  readonly bin: number;
  readonly count: number;
  readonly low: number;
  readonly high: number;
}

/** How each judge's scores are spread, in 20 bins over its own range. */
export function scoreHistogram({ client }: Pick<Db, "client">): readonly HistogramBin[] {
  return client
    .prepare<[], HistogramBin>(
      `with ranges as (select judge, min(score) as low, max(score) as high from scores where score is not null group by judge)
      select scores.judge, min(19, cast(case when high > low then 20.0 * (score - low) / (high - low) else 0 end as integer)) as bin,
        count(*) as count, low, high
      from scores join ranges using (judge) where score is not null group by 1, 2 order by 1, 2`,
    )
    .all();
}

/** What linking dropped, by unit and reason, of one pair set. */
export function dropsByReason(
  { client }: Pick<Db, "client">,
  pairSet: string,
): readonly { readonly unit: string; readonly reason: string; readonly count: number }[] {
  return client
    .prepare<[string], { unit: string; reason: string; count: number }>(
      `select unit, reason, sum(count) as count from drops where pair_set = ? group by unit, reason order by count desc, unit, reason`,
    )
    .all(pairSet);
}
