import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { annotatorQueries } from "../../src/db/queries/page/annotators.ts";
import { ConfigError } from "../../src/errors.ts";
import { importVotes } from "../../src/votes/import-votes.ts";
import { imageId, openTestDataset, type TestDataset } from "../helpers/annotated-dataset.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map(imageId) as [string, string, string, string];
const vote = (voteId: string, fields: object = {}) => ({ vote_id: voteId, annotator: "ann", images: [a, b], choice: 0, ...fields });

async function datasetOf(): Promise<TestDataset> {
  const dataset = await openTestDataset({ criteria: ["overall", "style"] });
  for (const id of [a, b, c]) dataset.addImage(id, { promptKey: "p_1" });
  dataset.addImage(d, { promptKey: "p_2" });
  return dataset;
}

async function importLines(dataset: TestDataset, lines: readonly (object | string)[], options: { readonly skipBad?: boolean } = {}) {
  const file = join(dataset.context.config.dir, "votes.jsonl");
  await writeFile(file, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"));
  return importVotes(file, { db: dataset.db, config: dataset.context.config, ...options });
}

const votesOf = ({ db }: TestDataset) =>
  db.client.prepare("select vote_id, prompt_key, criterion, kind, shown, ranking, flags from votes order by vote_id").raw().all();

describe("importVotes()", () => {
  it("imports votes as they are used", async () => {
    await using dataset = await datasetOf();
    const result = await importLines(dataset, [
      vote("v1"),
      "",
      vote("v2", {
        images: [b, a, c],
        choice: undefined,
        ranking: [[c], [a, b]],
        criterion: "style",
        flags: { [b]: ["text"], [a]: ["nsfw"] },
      }),
      vote("v3", { choice: "both_bad" }),
    ]);
    expect(result).toEqual({ format: "jsonl", unit: "line", imported: 3, already: 0, passedOver: {}, refused: {}, problems: [] });
    expect(votesOf(dataset)).toEqual([
      ["v1", "p_1", "overall", "choice", JSON.stringify([a, b]), JSON.stringify([[a]]), "{}"],
      [
        "v2",
        "p_1",
        "style",
        "choice",
        JSON.stringify([b, a, c]),
        JSON.stringify([[c], [a, b]]),
        JSON.stringify({ [a]: ["nsfw"], [b]: ["text"] }),
      ],
      ["v3", "p_1", "overall", "both_bad", JSON.stringify([a, b]), "[]", "{}"],
    ]);
  });

  it("keeps no time of more than a day: of a task that was left open nobody knows how long it took", async () => {
    await using dataset = await datasetOf();
    const day = 86_400_000;
    const lines = [vote("v1", { ms: day }), vote("v2", { ms: day + 1 }), vote("v3", { ms: 3 * day })];
    expect(await importLines(dataset, lines)).toMatchObject({ imported: 3, problems: [] });
    expect(dataset.db.client.prepare("select duration_ms from votes order by vote_id").pluck().all()).toEqual([day, null, null]);
    expect(await importLines(dataset, lines)).toMatchObject({ imported: 0, already: 3, problems: [] });
  });

  it("knows images by URI, path and file hash too", async () => {
    await using dataset = await datasetOf();
    const sha256 = dataset.db.client.prepare("select sha256 from images where image_id = ?").pluck().get(c) as string;
    const result = await importLines(dataset, [
      vote("v1", { images: [`s3://elsewhere/x/images/616/${a}.png`, `images\\${b}.webp`, sha256], choice: c, flags: { [a]: ["nsfw"] } }),
    ]);
    expect(result.problems).toEqual([]);
    expect(votesOf(dataset)).toEqual([
      ["v1", "p_1", "overall", "choice", JSON.stringify([a, b, c]), JSON.stringify([[c]]), JSON.stringify({ [a]: ["nsfw"] })],
    ]);
  });

  it("knows the names that tools make of a file: a prefix of their own, escaped slashes", async () => {
    await using dataset = await datasetOf();
    const { problems } = await importLines(dataset, [vote("v1", { images: [`/data/upload/3/9f8e7d6c-${a}.png`, `x%2F616%2F${b}.png`] })]);
    expect(problems).toEqual([]);
    expect(votesOf(dataset)).toMatchObject([["v1", "p_1", "overall", "choice", JSON.stringify([a, b]), JSON.stringify([[a]]), "{}"]]);
  });

  it("takes the votes of somebody who was forgotten for those that are there, and does not tell the name again", async () => {
    await using dataset = await datasetOf();
    await importLines(dataset, [vote("v1"), vote("v2")]);
    annotatorQueries(dataset.db).forget("ann", { pseudonym: "person-1", nowMs: 1 });
    expect(await importLines(dataset, [vote("v1"), vote("v2")])).toMatchObject({ imported: 0, already: 2, problems: [] });
    expect(await importLines(dataset, [vote("v1", { choice: 1 })])).toMatchObject({ refused: { "other-vote": 1 } });
    expect(dataset.db.client.prepare("select distinct annotator from votes").pluck().all()).toEqual(["person-1"]);
  });

  it("says of a packed or UTF-16 file what it is", async () => {
    await using dataset = await datasetOf();
    const file = join(dataset.context.config.dir, "votes.jsonl");
    const deps = { db: dataset.db, config: dataset.context.config };
    await writeFile(file, gzipSync(JSON.stringify(vote("v1"))));
    await expect(importVotes(file, deps)).rejects.toThrow("it is packed with gzip, and its name does not end in .gz");
    await writeFile(file, Buffer.from(`\uFEFF${JSON.stringify(vote("v1"))}`, "utf16le"));
    await expect(importVotes(file, deps)).rejects.toThrow("it is UTF-16, expected UTF-8");
  });

  it("takes a tool's export without a single task for no votes", async () => {
    await using dataset = await datasetOf();
    const file = join(dataset.context.config.dir, "export.json");
    await writeFile(file, "[\n]\n");
    const deps = { db: dataset.db, config: dataset.context.config };
    expect(await importVotes(file, deps)).toMatchObject({ imported: 0, already: 0, problems: [] });
  });

  it("imports nothing where a line is wrong, and tells each by line and reason", async () => {
    await using dataset = await datasetOf();
    dataset.addImage(imageId("same 1"), { promptKey: "p_1", sha256: "0".repeat(64) });
    dataset.addImage(imageId("same 2"), { promptKey: "p_1", sha256: "0".repeat(64) });
    const result = await importLines(dataset, [
      vote("good"),
      "{",
      vote("v2", { extra: 1 }),
      vote("v3", { choice: c }),
      vote("v4", { images: [a, a] }),
      vote("v5", { criterion: "taste" }),
      vote("v6", { images: [a, imageId("nobody")] }),
      vote("v7", { images: [a, "an image"] }),
      vote("v8", { images: [a, "0".repeat(64)] }),
      vote("v9", { images: [a, d] }),
      vote("v10", { prompt_key: "p_2" }),
      vote("good", { choice: 1 }),
      vote("v11", { choice: undefined, ranking: [[a], [b, a]] }),
      vote("v12", { flags: { [c]: ["nsfw"] } }),
    ]);
    expect(result.problems.map(({ position: line, reason }) => [line, reason])).toEqual([
      [2, "not-json"],
      [3, "bad-shape"],
      [4, "contradiction"],
      [5, "contradiction"],
      [6, "unknown-criterion"],
      [7, "unknown-image"],
      [8, "unknown-image"],
      [9, "ambiguous-image"],
      [10, "mixed-prompts"],
      [11, "wrong-prompt"],
      [12, "other-vote"],
      [13, "contradiction"],
      [14, "contradiction"],
    ]);
    expect(result).toMatchObject({ imported: 0, refused: { contradiction: 4, "unknown-image": 2 } });
    expect(votesOf(dataset)).toEqual([]);
  });

  it("imports the good lines with skipBad, and tells 20 problems of any number", async () => {
    await using dataset = await datasetOf();
    const result = await importLines(dataset, [vote("v1"), ...Array<string>(30).fill("{")], { skipBad: true });
    expect(result).toMatchObject({ imported: 1, refused: { "not-json": 30 } });
    expect(result.problems).toHaveLength(20);
    expect(votesOf(dataset)).toHaveLength(1);
  });

  it("changes nothing when a file is imported twice, and refuses a vote_id with other content", async () => {
    await using dataset = await datasetOf();
    const lines = [vote("v1"), vote("v2"), vote("v1")];
    expect(await importLines(dataset, lines)).toMatchObject({ imported: 2, already: 1 });
    const before = votesOf(dataset);
    expect(await importLines(dataset, lines)).toMatchObject({ imported: 0, already: 3 });
    expect(await importLines(dataset, [vote("v2", { choice: 1 })])).toMatchObject({ imported: 0, refused: { "other-vote": 1 } });
    expect(votesOf(dataset)).toEqual(before);
  });

  it("finds a repeated vote_id across batches, and streams more than one", async () => {
    await using dataset = await datasetOf();
    const lines = Array.from({ length: 2_500 }, (_, index) => vote(`v${index}`));
    expect(await importLines(dataset, [...lines, vote("v0", { choice: 1 })])).toMatchObject({ imported: 0, refused: { "other-vote": 1 } });
    expect(await importLines(dataset, lines)).toMatchObject({ imported: 2_500 });
  });

  it("leaves nothing behind where the file cannot be read to its end", async () => {
    await using dataset = await datasetOf();
    await expect(importVotes("/nonexistent/votes.jsonl", { db: dataset.db, config: dataset.context.config })).rejects.toThrow(ConfigError);
    await expect(importLines(dataset, [vote("v1"), "x".repeat(1_000_001)])).rejects.toThrow(/line 2 is longer than/);
    expect(votesOf(dataset)).toEqual([]);
    expect(await importLines(dataset, [vote("v1")])).toMatchObject({ imported: 1 });
  });
});
