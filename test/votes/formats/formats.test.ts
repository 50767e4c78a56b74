import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/errors.ts";
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
voteFormatContract({
  format: "label-studio",
  file: "label-studio-min.json",
  votes: 4,
  spoil: (text) => text.replace(/i_63(?=0{30}\.png",\s+"id": 2)/, "i_79"),
});
voteFormatContract({
  format: "argilla",
  file: "argilla-flat.jsonl",
  votes: 3,
  spoil: (text) => text.replace(/(?<=r-1.*)i_63/, "i_79"),
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

  it("Label Studio: JSON_MIN says the same as JSON, under the same ids", async () => {
    await using dataset = await voteDataset();
    await importInto(dataset, join(FIXTURES, "label-studio-pairwise.json"));
    const again = await importInto(dataset, join(FIXTURES, "label-studio-min.json"));
    expect(again).toMatchObject({ imported: 0, already: 4, refused: {}, passedOver: { "no-answer": 1 } });
  });

  it("Argilla, flat: drafts are passed over, what was discarded is a skip", async () => {
    const [ann, bo] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    expect(await votesIn("argilla-flat.jsonl")).toEqual({
      passedOver: { draft: 1, "no-answer": 1 },
      votes: [
        [`argilla:r-1:${ann}:style`, ann, "style", "choice", ["b", "a", "c"], [["a"]], { c: ["nsfw"] }],
        [`argilla:r-2:${ann}:`, ann, "overall", "choice", ["b", "a", "c"], [["c"], ["b"], ["a"]], {}],
        [`argilla:r-2:${bo}:`, bo, "overall", "skip", ["b", "a", "c"], [], {}],
      ],
    });
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

  it("take true and false for labels", async () => {
    const { votes } = await importCsv(`image_0_uid,image_1_uid,label_0,label_1\n${a},${b},True,false\n${a},${b},false,true\n`);
    expect(votes.map((vote) => (vote as readonly unknown[])[5])).toEqual(expect.arrayContaining([[["a"]], [["b"]]]));
  });

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

  it("refuse the rows of an export that judges decided: their source says so", async () => {
    const lines = ["people", "judge:pick", "combined", ""].map((source) => `${a},${b},1,${source}\n`);
    const text = `image_0_uid,image_1_uid,label_0,source\n${lines.join("")}`;
    const { imported, refused, problems } = await importCsv(text);
    expect({ imported, refused }).toEqual({ imported: 0, refused: { "no-person": 2 } });
    expect(problems).toEqual([
      { position: 3, record: null, reason: "no-person", message: expect.stringMatching(/^source is judge:pick: .*nobody voted/) },
      { position: 4, record: null, reason: "no-person", message: expect.stringMatching(/^source is combined: /) },
    ]);
    expect(await importCsv(text, { skipBad: true })).toMatchObject({ imported: 1, already: 1 });

    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "train-00000.parquet");
    const column = (name: string, value: unknown) => ({ name, data: [value, value] });
    const exported = [
      column("image_0_uid", a),
      column("image_1_uid", b),
      column("jpg_0", new Uint8Array([255, 216])),
      column("label_0", 1),
      column("label_1", 0),
      { name: "source", data: ["judge:pick", "people"] },
    ];
    await writeFile(file, new Uint8Array(parquetWriteBuffer({ columnData: exported })));
    expect(await importInto(dataset, file)).toMatchObject({ imported: 0, unit: "row", problems: [{ position: 1, reason: "no-person" }] });
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
    ["votes.json", "[", "it is no whole JSON array"],
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
    await expect(importInto(dataset, file)).rejects.toThrow(/after record 3 at line 1: it is no whole JSON array/);
    expect(votesOf(dataset)).toEqual([]);
  });
});

describe("what a Label Studio task leaves open", () => {
  const [a, b] = [imageId("a"), imageId("b")];
  const importTask = async (data: object, ...result: readonly object[]) => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "t.json");
    await writeFile(file, JSON.stringify([{ id: 1, data, annotations: [{ id: 1, completed_by: 1, result }] }]));
    return { ...(await importInto(dataset, file)), votes: votesOf(dataset) };
  };
  const left = { from_name: "pw", to_name: "pw", type: "pairwise", value: { selected: "left" } };

  it.each([
    ["numbered", { text2: b, text1: a }, left, [["a"]]],
    ["by side", { right_url: b, left_url: a }, left, [["a"]]],
    ["by to_name", { y: a, x: b }, { ...left, to_name: "x,y" }, [["b"]]],
    [
      "of its own local files",
      { image1: `/data/local-files/?d=set/63f/${a}.png`, image2: `/data/local-files/?d=set%2F9f0%2F${b}.png` },
      left,
      [["a"]],
    ],
    [
      "of uploads, which it puts a prefix to",
      { left: `/data/upload/3/9f8e7d6c-${a}.png`, right: `/data/upload/3/01ab23cd-${b}.png` },
      left,
      [["a"]],
    ],
    ["by its own name", { y: a, x: b }, { ...left, type: "choices", value: { choices: ["x"] } }, [["b"]]],
  ])("left is known %s", async (_how, data, result, ranking) => {
    expect((await importTask(data, result)).votes).toMatchObject([
      ["label-studio:1", "user 1", "overall", "choice", expect.anything(), ranking, {}],
    ]);
  });

  it("other Choices beside the outcome are left alone, unless they name an image", async () => {
    const data = { image1: a, image2: b };
    const choices = (name: string, choice: string) => ({
      from_name: name,
      to_name: "image1",
      type: "choices",
      value: { choices: [choice] },
    });
    expect((await importTask(data, left, choices("reason", "sharper"))).imported).toBe(1);
    expect((await importTask(data, choices("outcome", "image2"), choices("reason", "sharper"))).imported).toBe(1);
    expect((await importTask(data, left, choices("best", "image2"))).refused).toEqual({ contradiction: 1 });
    expect((await importTask(data, choices("reason", "sharper"))).refused).toEqual({ "bad-shape": 1 });
  });

  it.each([
    ["left, where no name tells", { chosen: a, other: b }, left],
    ["a number, where no name tells", { chosen: a, other: b }, { ...left, type: "choices", value: { choices: ["1"] } }],
    ["buckets", { x: a, y: b }, { ...left, type: "ranker", value: { ranker: { good: [a], _: [b] } } }],
  ])("%s is refused, not guessed", async (_what, data, result) => {
    expect(await importTask(data, result)).toMatchObject({ imported: 0, refused: { "bad-shape": 1 } });
  });
});

it("a problem in an array is told by the line at which its record begins, and its number", async () => {
  await using dataset = await voteDataset();
  const file = join(dataset.context.config.dir, "t.json");
  const text = await readFile(join(FIXTURES, "label-studio-ranker.json"), "utf8");
  await writeFile(file, text.replaceAll(imageId("b"), imageId("zz")));
  const line = text.slice(0, text.lastIndexOf('\n {\n  "id": 9')).split("\n").length + 1;
  expect((await importInto(dataset, file)).problems).toMatchObject([
    { position: 2, record: 1, reason: "unknown-image" },
    { position: line, record: 2, reason: "unknown-image" },
  ]);
});

describe("options", () => {
  it("a map of columns is refused where there are none", async () => {
    await using dataset = await voteDataset();
    await expect(importInto(dataset, join(FIXTURES, "argilla.json"), { columns: { label_0: "won" } })).rejects.toThrow(
      "votes as argilla have no columns",
    );
  });

  it("a file that may be of two formats is refused, unless one is named", async () => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "two.jsonl");
    await writeFile(file, JSON.stringify({ data: {}, annotations: [], fields: {}, responses: {} }));
    await expect(importInto(dataset, file)).rejects.toThrow("it may be label-studio or argilla");
    expect(await importInto(dataset, file, { format: "label-studio" })).toMatchObject({ passedOver: { "no-answer": 1 } });
  });
});
