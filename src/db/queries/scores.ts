import type { Score } from "../../judges/judge.ts";
import type { Db } from "../open.ts";
import type { RowRange } from "./groups.ts";

/** One judge, or one version of it. */
export interface JudgeVersion {
  readonly judge: string;
  readonly version: string;
}

/** All that one version of a judge said of one group in one go. */
export interface GroupScores {
  readonly promptKey: string;
  readonly scores: readonly Score[];
}

export interface ScoreRow {
  readonly imageId: string;
  readonly judge: string;
  readonly version: string;
  readonly score: number | null;
}

export function scoreQueries({ client }: Pick<Db, "client">) {
  const insert = client.prepare(`
    insert into scores (image_id, judge, version, prompt_key, score, sigma, raw) values (?, ?, ?, ?, ?, ?, ?)
    on conflict (image_id, judge, version) do nothing`);
  const insertGroups = client.transaction(({ judge, version }: JudgeVersion, groups: readonly GroupScores[]) => {
    for (const { promptKey, scores } of groups) {
      for (const { imageId, score, sigma, raw } of scores) insert.run(imageId, judge, version, promptKey, score, sigma, raw);
    }
  });
  const inRange = client.prepare<[RowRange], ScoreRow>(`
    select scores.image_id as imageId, scores.judge, scores.version, scores.score
    from prompts as page cross join scores on scores.prompt_key = page.prompt_key where page.rowid > @after and page.rowid <= @last`);

  return {
    /** Writes whole groups, all or none. A score that exists already stays: its pairs may have been exported. */
    insertGroups: (by: JudgeVersion, groups: readonly GroupScores[]): void => insertGroups.immediate(by, groups),
    /** Every score of the prompts in a range, of all judges and versions. */
    scoresIn: (range: RowRange): readonly ScoreRow[] => inRange.all(range),
  };
}
