import { copyFile, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { importVotes, type ImportVotesDeps } from "../../src/votes/import-votes.ts";
import { imageId, openTestDataset, type TestDataset } from "../helpers/annotated-dataset.ts";

export const FIXTURES = join(import.meta.dirname, "../fixtures/votes");

/** A dataset with the images a, b, c of one prompt, to which every fixture's votes belong. */
export async function voteDataset(): Promise<TestDataset> {
  const dataset = await openTestDataset({ criteria: ["overall", "style"] });
  for (const name of ["a", "b", "c"]) dataset.addImage(imageId(name), { promptKey: "p_1" });
  return dataset;
}

export async function importInto(dataset: TestDataset, file: string, options: Partial<ImportVotesDeps> = {}) {
  return importVotes(file, { db: dataset.db, config: dataset.context.config, ...options });
}

/** Votes by vote_id, image_ids by their short names. */
export function votesOf({ db }: TestDataset): unknown[] {
  const rows = db.client
    .prepare("select vote_id, annotator, criterion, kind, shown, ranking, flags from votes order by vote_id")
    .raw()
    .all();
  const text = JSON.stringify(rows).replaceAll(/i_6([1-9])0{30}/g, (_match, digit: string) => String.fromCharCode(96 + Number(digit)));
  return (JSON.parse(text) as string[][]).map((row) => row.map((cell) => (/^[[{]/.test(cell) ? (JSON.parse(cell) as unknown) : cell)));
}

export interface VoteFormatCase {
  readonly format: string;
  /** Under test/fixtures/votes; all of it can be imported. */
  readonly file: string;
  readonly votes: number;
  /** The same file with one vote about an image that does not exist. */
  readonly spoil: (content: string) => string;
}

/** What every format of votes must do. */
export function voteFormatContract({ format, file, votes, spoil }: VoteFormatCase): void {
  describe(`${format} (${file}), the contract of a vote format`, () => {
    const path = join(FIXTURES, file);

    it("is recognised and imported whole; once more changes nothing", async () => {
      await using dataset = await voteDataset();
      expect(await importInto(dataset, path)).toMatchObject({ format, imported: votes, already: 0, refused: {}, problems: [] });
      const before = votesOf(dataset);
      expect(before).toHaveLength(votes);
      expect(await importInto(dataset, path)).toMatchObject({ imported: 0, already: votes });
      expect(votesOf(dataset)).toEqual(before);
    });

    it("gives two sources' votes names of their own", async () => {
      await using dataset = await voteDataset();
      await importInto(dataset, path, { source: "one" });
      await importInto(dataset, path, { source: "two" });
      expect(votesOf(dataset)).toHaveLength(format === "jsonl" ? votes : 2 * votes);
    });

    it("imports nothing where one vote is about an unknown image, and the others with skipBad", async () => {
      await using dataset = await voteDataset();
      const bad = join(dataset.context.config.dir, `bad${extname(file)}`);
      await writeFile(bad, spoil(await readFile(path, "utf8")));
      const refused = await importInto(dataset, bad);
      expect(refused).toMatchObject({ imported: 0, refused: { "unknown-image": 1 } });
      expect(refused.problems[0]?.position).toBeGreaterThan(0);
      expect(votesOf(dataset)).toEqual([]);
      expect(await importInto(dataset, bad, { skipBad: true })).toMatchObject({ imported: votes - 1 });
    });

    it("is not changed by its file's name", async () => {
      await using dataset = await voteDataset();
      const renamed = join(dataset.context.config.dir, `v${extname(file)}`);
      await copyFile(path, renamed);
      expect(await importInto(dataset, renamed)).toMatchObject({ format, imported: votes });
    });
  });
}
