import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/errors.ts";
import { labelStudioVotes } from "../../../src/votes/formats/label-studio.ts";
import { argillaVotes } from "../../../src/votes/formats/argilla.ts";
import { VoteError } from "../../../src/votes/raw-vote.ts";
import type { ReadVotesOptions, VoteCandidate, VoteFormat } from "../../../src/votes/vote-format.ts";
import { FIXTURES, importInto, voteDataset, voteFormatContract, votesOf } from "../../contracts/vote-format.ts";
import { imageId } from "../../helpers/annotated-dataset.ts";

const elsewhere = (id: string) => (content: string) => content.replace(imageId(id), imageId("zz"));

voteFormatContract({ format: "jsonl", file: "votes.jsonl", votes: 2, spoil: elsewhere("c") });
voteFormatContract({
  format: "label-studio",
  file: "label-studio-pairwise.json",
  votes: 5,
  spoil: (text) => text.replace(/(?<="id":2,.*)i_63/, "i_79"),
});
voteFormatContract({
  format: "label-studio",
  file: "label-studio-ranker.json",
  votes: 2,
  spoil: (text) => text.replaceAll(imageId("c"), imageId("zz")),
});
voteFormatContract({ format: "argilla", file: "argilla.json", votes: 4, spoil: (text) => text.replace(/(?<="r-3".*)i_63/, "i_79") });
voteFormatContract({ format: "pick-a-pic", file: "pick-a-pic.csv", votes: 3, spoil: elsewhere("c") });

describe("what the votes say", () => {
  const votesIn = async (file: string) => {
    await using dataset = await voteDataset();
    const result = await importInto(dataset, join(FIXTURES, file));
    return { passedOver: result.passedOver, votes: votesOf(dataset) };
  };

  it("Label Studio: Pairwise, Choices, a cancelled task, marks; drafts are passed over", async () => {
    expect(await votesIn("label-studio-pairwise.json")).toEqual({
      passedOver: { draft: 1 },
      votes: [
        ["label-studio:11", "user 1", "overall", "choice", ["b", "a"], [["b"]], {}],
        ["label-studio:12", "bo@example.org", "overall", "choice", ["b", "a"], [["a"]], { b: ["nsfw", "text"] }],
        ["label-studio:13", "user 1", "overall", "tie", ["a", "c"], [["a", "c"]], {}],
        ["label-studio:14", "user 1", "overall", "skip", ["b", "c"], [], {}],
        ["label-studio:15", "user 1", "overall", "choice", ["c", "a", "b"], [["b"]], {}],
      ],
    });
  });

  it("Label Studio: Ranker, under its name and as a list", async () => {
    expect((await votesIn("label-studio-ranker.json")).votes).toEqual([
      ["label-studio:21", "user 1", "style", "choice", ["a", "b", "c"], [["c"], ["a"], ["b"]], {}],
      ["label-studio:22", "user 1", "overall", "choice", ["a", "b"], [["b"], ["a"]], {}],
    ]);
  });

  it("Argilla: labels, rankings, marks, several people", async () => {
    const [ann, bo] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    expect((await votesIn("argilla.json")).votes).toEqual([
      [`argilla:r-1:${ann}:style`, ann, "style", "choice", ["b", "a", "c"], [["a"]], { c: ["nsfw", "text"] }],
      [`argilla:r-1:${bo}:style`, bo, "style", "tie", ["b", "a", "c"], [["b", "a", "c"]], {}],
      [`argilla:r-2:${ann}:`, ann, "overall", "choice", ["b", "a", "c"], [["c"], ["b"], ["a"]], {}],
      [`argilla:r-3:${bo}:`, bo, "overall", "both_bad", ["b", "c"], [], {}],
    ]);
  });

  it("Pick-a-Pic: labels and ties, from CSV and Parquet", async () => {
    expect(await votesIn("pick-a-pic.csv")).toEqual({
      passedOver: { "no-label": 1 },
      votes: [
        ["pick-a-pic:31", "4053", "overall", "choice", ["a", "b"], [["a"]], {}],
        ["pick-a-pic:32", "4053", "overall", "choice", ["a", "b"], [["b"]], {}],
        ["pick-a-pic:33", "77", "overall", "tie", ["c", "b"], [["c", "b"]], {}],
      ],
    });
    expect((await votesIn("pick-a-pic.parquet")).votes).toEqual([
      ["pick-a-pic:41", "4053", "overall", "choice", ["a", "b"], [["a"]], {}],
      ["pick-a-pic:42", "77", "overall", "tie", ["c", "b"], [["c", "b"]], {}],
    ]);
  });
});

describe("tables", () => {
  const [a, b] = [imageId("a"), imageId("b")];
  const importCsv = async (text: string, options = {}) => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "t.csv");
    await writeFile(file, text);
    const result = await importInto(dataset, file, options);
    return { ...result, votes: votesOf(dataset) };
  };

  it("take columns of other names", async () => {
    const columns = { image_0_uid: "left", image_1_uid: "right", label_0: "won", user_id: "who" };
    const { votes } = await importCsv(`left,right,won,who\n${a},${b},0,ann\n`, { columns });
    expect(votes).toMatchObject([
      [expect.stringMatching(/^pick-a-pic:[0-9a-f]{32}$/), "ann", "overall", "choice", ["a", "b"], [["b"]], {}],
    ]);
  });

  it.each([
    ["columns that disagree", `image_0_uid,image_1_uid,label_0,label_1\n${a},${b},1,1\n`, { contradiction: 1 }],
    ["a best image that lost", `image_0_uid,image_1_uid,label_0,best_image_uid\n${a},${b},1,${b}\n`, { contradiction: 1 }],
    ["a label that is none", `image_0_uid,image_1_uid,label_0\n${a},${b},0.7\n`, { "bad-shape": 1 }],
    ["one image twice", `image_0_uid,image_1_uid,label_0\n${a},${a},1\n`, { contradiction: 1 }],
    ["no image", `image_0_uid,image_1_uid,label_0\n,${a},1\n`, { "bad-shape": 1 }],
  ])("refuse %s", async (_what, text, refused) => {
    expect(await importCsv(text)).toMatchObject({ imported: 0, refused, problems: [{ position: 2 }], unit: "line" });
  });

  it.each([
    ["a column that is missing", "image_0_uid,label_0\n", {}, "has no column image_1_uid"],
    ["a name that is ours of nothing", "image_0_uid,image_1_uid,label_0\n", { columns: { labl_0: "x" } }, "Cannot map labl_0"],
    ["a mapped column that is missing", "image_0_uid,image_1_uid,label_0\n", { columns: { user_id: "who" } }, "has no column who"],
  ])("say %s", async (_what, text, options, message) => {
    await expect(importCsv(text, options)).rejects.toThrow(message);
  });
});

describe("a file that is no such thing", () => {
  it.each([
    ["votes.json", "[", "after record 0"],
    ["votes.json", "{}", "none of the formats known"],
    ["votes.json", '[{"x":1,"y":2}]', "with the keys x, y"],
    ["votes.parquet", "PAR1", "Cannot read the votes"],
    ["votes.csv", "", "Cannot read the votes"],
    ["missing.json", null, "there is no such file"],
  ])("%s of %j is a ConfigError that says so", async (name, text, message) => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, name);
    if (text !== null) await writeFile(file, text);
    const options = text === "[" ? { format: "argilla" } : {};
    const error = await importInto(dataset, file, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(message);
  });

  it("an array that breaks off imports nothing", async () => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "cut.json");
    await writeFile(file, (await readFile(join(FIXTURES, "argilla.json"), "utf8")).slice(0, -40));
    await expect(importInto(dataset, file)).rejects.toThrow(/after record [0-9]+/);
    expect(votesOf(dataset)).toEqual([]);
  });
});

/** Anything but a VoteError passes as it is: a bug. */
function outcomeOf(read: VoteCandidate["read"]): string {
  try {
    const vote = read();
    return typeof vote === "string" ? vote : "vote";
  } catch (error) {
    if (error instanceof VoteError) return error.reason;
    throw error;
  }
}

describe("any JSON at all", () => {
  const options: ReadVotesOptions = { source: "s", columns: {}, criteria: ["overall"], signal: undefined };
  const keys = [
    "data",
    "annotations",
    "result",
    "value",
    "type",
    "selected",
    "choices",
    "ranker",
    "id",
    "fields",
    "responses",
    "image_1",
    "completed_by",
  ];
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, 1, "left", "pairwise", "ranker", "choices", "tie", imageId("a"), imageId("b")),
      fc.array(tie("json"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), tie("json"), { maxKeys: 5 }),
    ),
  }));

  it.each<readonly [string, VoteFormat, readonly string[]]>([
    ["label-studio", labelStudioVotes, ["data", "annotations"]],
    ["argilla", argillaVotes, ["fields", "responses"]],
  ])("is a vote of %s or a VoteError", async (_name, format, [first = "", second = ""]) => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "any.jsonl");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(json, json), { maxLength: 8 }), async (records) => {
        await writeFile(file, records.map(([one, other]) => JSON.stringify({ [first]: one, [second]: other })).join("\n"));
        for await (const { read } of format.candidates(file, { extension: "jsonl", keys: [], isArray: false }, options)) {
          expect(outcomeOf(read)).toMatch(/^(?:vote|draft|no-answer|bad-shape|contradiction)$/);
        }
      }),
      { numRuns: 150 },
    );
  });
});

it("an array of 60 MB is read in little memory", async () => {
  await using dataset = await voteDataset();
  const file = join(dataset.context.config.dir, "big.json");
  const [task] = JSON.parse(await readFile(join(FIXTURES, "label-studio-pairwise.json"), "utf8")) as {
    data: object;
    annotations: { id: number }[];
  }[];
  const padding = "x".repeat(30_000);
  const out = createWriteStream(file);
  for (let index = 0; index < 2_000; index++) {
    const [annotation] = task!.annotations;
    const text = JSON.stringify({ ...task, data: { ...task!.data, padding }, annotations: [{ ...annotation, id: index }] });
    if (!out.write(`${index === 0 ? "[" : ","}${text}`)) await once(out, "drain");
  }
  await new Promise((resolve) => out.end("]", () => resolve(undefined)));
  let peakBytes = 0;
  const timer = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage().heapUsed)), 20);
  const before = process.memoryUsage().heapUsed;
  expect(await importInto(dataset, file)).toMatchObject({ imported: 2_000 });
  clearInterval(timer);
  expect(peakBytes - before).toBeLessThan(150_000_000);
}, 60_000);
