import type { Score } from "../../../judges/judge.ts";
import type { Db } from "../../open.ts";
import type { RowRange } from "./groups.ts";

/** One version of a judge. */
export interface JudgeVersion {
  readonly judge: string;
  readonly version: string;
}

/** The scores of one group that a judge gave at once. */
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

/** What to do with a score that this version gave before. `replace` if the scores of a group are only valid together. */
export type ExistingScores = "keep" | "replace";

export interface ScoreCount extends JudgeVersion {
  readonly scores: number;
  /** Number of these that are not null. */
  readonly told: number;
}

/** The criterion of a score of the image as a whole. */
const WHOLE = "";

/** Prepares queries that read and write scores. */
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
    // Looks up only images that are not stored, which are few.
    `select judge, version, count(*) as scores, count(score) as told from scores
      where criterion = '' and image_id not in (select image_id from images where state in ('listed', 'rejected', 'excluded'))
      group by judge, version order by judge, version`,
  );
  const inRange = client.prepare<[RowRange], ScoreRow>(`
    select scores.image_id as imageId, scores.judge, scores.version, scores.score
    from prompts as page cross join scores on scores.prompt_key = page.prompt_key where page.rowid > @after and page.rowid <= @last
      and scores.criterion = ''`);

  return {
    /** Writes the scores of groups in one transaction. */
    writeGroups: (by: JudgeVersion, groups: readonly GroupScores[], existing: ExistingScores): void =>
      writeGroups.immediate(by, groups, existing),
    /** Counts the stored images that each version of each judge has scored. Scores of images that are no longer stored do not count. */
    countByVersion: (): readonly ScoreCount[] => byVersion.all(),
    /** Reads every score of the prompts in a range, of all judges and versions. */
    scoresIn: (range: RowRange): readonly ScoreRow[] => inRange.all(range),
  };
}
