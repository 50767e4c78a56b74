import type { Db } from "../../../../src/db/open.ts";

const LINK = "pair_set, row_id, prompt_key, criterion, chosen, source, margin, agreement, n_votes, n_candidates, chosen_score";

/** All that linking writes, of one prompt or of all, but for where it lies: that says in which order things happened. */
export function writtenLinks({ client }: Pick<Db, "client">, promptKey: string | null = null): readonly unknown[] {
  return [
    `select ${LINK} from preferences where @promptKey is null or prompt_key = @promptKey order by 1, 2`,
    `select pair_set, row_id, rank, image_id, score from preferences join preference_rejected using (place)
      where @promptKey is null or prompt_key = @promptKey order by 1, 2, 3`,
    `select * from drops where @promptKey is null or prompt_key = @promptKey order by 1, 2, 3, 4, 5`,
  ].map((sql) => client.prepare(sql).raw().all({ promptKey }));
}
