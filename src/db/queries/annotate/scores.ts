import type { Score } from "../../../judges/judge.ts";
import type { Db } from "../../open.ts";
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

/** What becomes of a score that this version gave before: `replace` where the scores of a group are only good together. */
export type ExistingScores = "keep" | "replace";

export interface ScoreCount extends JudgeVersion {
  readonly scores: number;
  /** Of these, where the judge could tell. */
  readonly told: number;
}

/** The criterion of a score that judges an image as a whole. */
const WHOLE = "";

export function scoreQueries({ client }: Pick<Db, "client">) {
  const insert = "insert into scores (image_id, judge, version, criterion, prompt_key, score, sigma, raw) values (?, ?, ?, ?, ?, ?, ?, ?)";
  const write = {
    keep: client.prepare(`${insert} on conflict (image_id, judge, version, criterion) do nothing`),
    replace: client.prepare(
      `${insert} on conflict (image_id, judge, version, criterion) do update set score = excluded.score, sigma = excluded.sigma, raw = excluded.raw`,
    ),
  };
  const writeGroups = client.transaction(({ judge, version }: JudgeVersion, groups: readonly GroupScores[], existing: ExistingScores) => {
    for (const { promptKey, scores } of groups) {
      for (const { imageId, score, sigma, raw } of scores)
        write[existing].run(imageId, judge, version, WHOLE, promptKey, score, sigma, raw);
    }
  });
  const byVersion = client.prepare<[], ScoreCount>(
    // Looks up no image that is stored, which nearly all are.
    `select judge, version, count(*) as scores, count(score) as told from scores
      where criterion = '' and image_id not in (select image_id from images where state in ('listed', 'rejected', 'excluded'))
      group by judge, version order by judge, version`,
  );
  const inRange = client.prepare<[RowRange], ScoreRow>(`
    select scores.image_id as imageId, scores.judge, scores.version, scores.score
    from prompts as page cross join scores on scores.prompt_key = page.prompt_key where page.rowid > @after and page.rowid <= @last
      and scores.criterion = ''`);

  return {
    /** Writes whole groups, all or none. */
    writeGroups: (by: JudgeVersion, groups: readonly GroupScores[], existing: ExistingScores): void =>
      writeGroups.immediate(by, groups, existing),
    /** How many stored images each judge's versions scored: scores of those that were taken out since are kept, and count no more. */
    countByVersion: (): readonly ScoreCount[] => byVersion.all(),
    /** Every score of the prompts in a range, of all judges and versions. */
    scoresIn: (range: RowRange): readonly ScoreRow[] => inRange.all(range),
  };
}
