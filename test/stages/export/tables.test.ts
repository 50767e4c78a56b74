import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { verifyExport } from "../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import { readVersion, type Exported } from "./exported.ts";
import { openImageFixture, type ImageFixture } from "./image-fixture.ts";

const ALL = ["default", "pairs", "rankings", "ties", "votes"];
type Cells = Readonly<Record<string, unknown>>;

function rowsOf({ paths, text }: Exported, table: string, split = "train"): readonly Cells[] {
  return paths
    .filter((path) => path.startsWith(`${table}/${split}-`))
    .flatMap((path) => text(path).split("\n").slice(0, -1))
    .map((line) => JSON.parse(line) as Cells);
}

async function problemsOf(fixture: ImageFixture, version = "v1"): Promise<readonly string[]> {
  const problems: string[] = [];
  const { signal } = new AbortController();
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  await verifyExport(version, { store, signal, report: ({ path, text }) => void problems.push(`${path}: ${text}`) });
  return problems;
}

describe("the table pairs", () => {
  test("has a flat row for each chosen and rejected image, the chosen first", async () => {
    await using fixture = await openImageFixture();
    const { promptKey, imageIds } = await fixture.addImaged({
      prompt: "a cat",
      scores: [0.9, 0.5, 0.25],
      seeds: ["5", "6", "7"],
      negative: "dog",
    });
    await fixture.export({ tables: ["pairs"] });
    const version = await readVersion(fixture);
    const rows = rowsOf(version, "pairs");
    expect(rows.map((row) => [row["image_0_uid"], row["image_1_uid"]])).toEqual([
      [imageIds[0], imageIds[1]],
      [imageIds[0], imageIds[2]],
    ]);
    expect(rows[1]).toMatchObject({
      prompt: "a cat",
      caption: "a cat",
      label_0: 1,
      label_1: 0,
      num_example_per_prompt: 2,
      margin: 0.65,
      chosen_seed: 5,
      rejected_seed: 7,
      prompt_key: promptKey,
      negative_prompt: "dog",
      model_0: "sd15.safetensors",
    });
    expect(version.text("pairs/train-00000-of-00001.jsonl")).toContain('"label_0":1.0,"label_1":0.0');
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("counts the pairs of a prompt over all its rows", async () => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat", seeds: ["1", "2"] });
    await fixture.addImaged({ prompt: "a cat", criterion: "beauty", seeds: ["2", "1"], scores: [0.9, 0.1] });
    await fixture.addImaged({ prompt: "a dog" });
    await fixture.export({ tables: ["pairs"] });
    const counts = rowsOf(await readVersion(fixture), "pairs").map(
      (row) => `${String(row["prompt"])} ${String(row["num_example_per_prompt"])}`,
    );
    expect(counts.toSorted()).toEqual(["a cat 2", "a cat 2", "a dog 1"]);
  });

  test("leaves the rows of default as they are", async () => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat" });
    await fixture.export({}, { as: "alone" });
    await fixture.export({ tables: ALL }, { as: "all" });
    const [alone, all] = [await readVersion(fixture, "alone"), await readVersion(fixture, "all")];
    expect(all.lines()).toEqual(alone.lines());
    expect((all.json("manifest.json") as { counts: Cells }).counts).toMatchObject({
      rows: 1,
      splits: { train: 1 },
      tables: { pairs: { train: 1 } },
    });
  });
});

describe("the table rankings", () => {
  test("has every image with its place, ties sharing one", async () => {
    await using fixture = await openImageFixture();
    const { imageIds } = await fixture.addImaged({ prompt: "a cat", scores: [0.9, 0.5, 0.5, 0.1] });
    await fixture.export({ tables: ["rankings"] });
    const [row] = rowsOf(await readVersion(fixture), "rankings");
    expect(row).toMatchObject({
      ranking: [1, 2, 2, 4],
      scores: [0.9, 0.5, 0.5, 0.1],
      source: "judge:quality",
      n_votes: 0,
      width: 64,
      height: 48,
    });
    expect((row!["image_ids"] as string[])[0]).toBe(imageIds[0]);
    expect((row!["image_ids"] as string[]).toSorted()).toEqual(imageIds.toSorted());
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("follows people, and says nothing where their votes do not connect the images", async () => {
    await using fixture = await openImageFixture();
    const whole = await fixture.addImaged({ prompt: "a cat", scores: [0.9, 0.1] });
    const parted = await fixture.addImaged({ prompt: "a dog", scores: [0.9, 0.5, 0.4, 0.1] });
    const [a = "", b = "", c = "", d = ""] = parted.imageIds;
    const [x = "", y = ""] = whole.imageIds;
    fixture.addVote({ voteId: "1", promptKey: whole.promptKey, shown: [x, y], ranking: [[y], [x]] });
    fixture.addVote({ voteId: "2", promptKey: parted.promptKey, shown: [a, b], ranking: [[a], [b]] });
    fixture.addVote({ voteId: "3", promptKey: parted.promptKey, shown: [c, d], ranking: [[c], [d]] });
    const report = await fixture.export({ tables: ["rankings"] });
    const rows = rowsOf(await readVersion(fixture), "rankings");
    expect(rows).toMatchObject([{ prompt: "a cat", source: "people", n_votes: 1, ranking: [1, 2], image_ids: [y, x] }]);
    expect(report.drops).toMatchObject({ "rankings:uncompared": 1 });
  });
});

describe("the table ties", () => {
  test("has the pairs of which most votes prefer neither, with what they said instead", async () => {
    await using fixture = await openImageFixture();
    const tied = await fixture.addImaged({ prompt: "a cat" });
    const bad = await fixture.addImaged({ prompt: "a dog" });
    const preferred = await fixture.addImaged({ prompt: "a cow" });
    const shownOf = ({ imageIds, promptKey }: typeof tied) => ({ promptKey, shown: imageIds });
    fixture.addVote({ voteId: "1", ...shownOf(tied), kind: "tie", ranking: [tied.imageIds] });
    fixture.addVote({ voteId: "2", ...shownOf(tied), kind: "both_bad" });
    fixture.addVote({ voteId: "3", ...shownOf(bad), kind: "both_bad" });
    fixture.addVote({ voteId: "4", ...shownOf(preferred), kind: "tie", ranking: [preferred.imageIds] });
    fixture.addVote({ voteId: "5", ...shownOf(preferred), ranking: preferred.imageIds.map((id) => [id]) });
    await fixture.export({ tables: ["ties"] });
    const rows = rowsOf(await readVersion(fixture), "ties").toSorted((first, second) =>
      String(first["prompt"]) < String(second["prompt"]) ? -1 : 1,
    );
    expect(rows).toMatchObject([
      { prompt: "a cat", kind: "tie", label_0: 0.5, label_1: 0.5, n_votes: 2, source: "people" },
      { prompt: "a dog", kind: "both_bad", n_votes: 1 },
    ]);
    expect([rows[0]!["image_0_uid"], rows[0]!["image_1_uid"]]).toEqual(tied.imageIds.toSorted());
    expect(await problemsOf(fixture)).toEqual([]);
  });
});

describe("the table votes", () => {
  test("has every vote as it was cast, and nobody's name, clock or vote_id in the whole version", async () => {
    await using fixture = await openImageFixture();
    const { promptKey, imageIds } = await fixture.addImaged({ prompt: "a cat", scores: [0.9, 0.5, 0.25] });
    const [a = "", b = "", c = ""] = imageIds;
    fixture.addVote({ voteId: "argilla:7:zoe.secret:overall", annotator: "zoe.secret", promptKey, shown: [a, b, c], ranking: [[b]] });
    fixture.addVote({ voteId: "2", annotator: "zoe.secret", promptKey, shown: [a, b], ranking: [[a, b]], kind: "tie", durationMs: null });
    fixture.addVote({ voteId: "3", annotator: "max", promptKey, shown: [b, c], kind: "skip" });
    await fixture.export({ tables: ["votes"] });
    const version = await readVersion(fixture);
    const rows = rowsOf(version, "votes");
    const best = rows.find(({ kind }) => kind === "choice")!;
    const tie = rows.find(({ kind }) => kind === "tie")!;
    const skip = rows.find(({ kind }) => kind === "skip")!;
    expect(best).toMatchObject({
      choice: b,
      images: [a, b, c],
      ranking: [0, 1, 0],
      left: "",
      right: "",
      ms: 1_200,
      gold: false,
      repeat: false,
    });
    expect(tie).toMatchObject({ choice: "", left: a, right: b, ranking: [1, 1], ms: -1 });
    expect(skip).toMatchObject({ choice: "", ranking: [0, 0] });
    expect(best["annotator"]).toBe(tie["annotator"]);
    expect(best["annotator"]).not.toBe(skip["annotator"]);
    const everything = Buffer.concat([...version.bytes.values()]).toString();
    expect(everything).not.toMatch(/zoe\.secret|argilla:7|1767225600000/);
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("leaves out what is about images that are gone or were made again, and counts it", async () => {
    await using fixture = await openImageFixture();
    const kept = await fixture.addImaged({ prompt: "a cat" });
    const gone = await fixture.addImaged({ prompt: "a dog" });
    const remade = await fixture.addImaged({ prompt: "a cow" });
    for (const [index, row] of [kept, gone, remade].entries())
      fixture.addVote({ voteId: String(index), promptKey: row.promptKey, shown: row.imageIds, ranking: [[row.imageIds[0]!]] });
    fixture.db.client.prepare("update images set state = 'excluded', reason = 'x' where image_id = ?").run(gone.imageIds[1]);
    fixture.db.client
      .prepare("insert into vote_pictures (vote_id, image_id, sha256) values ('2', ?, ?)")
      .run(remade.imageIds[0], "0".repeat(64));
    const report = await fixture.export({ tables: ["votes"] });
    expect(rowsOf(await readVersion(fixture), "votes").map(({ prompt }) => prompt)).toEqual(["a cat"]);
    expect(report.drops).toMatchObject({ "votes:image-not-stored": 1, "votes:image-made-again": 1 });
  });
});

describe("all tables", () => {
  const THIRDS = { train: 1, validation: 1, test: 1 };

  async function addMany(fixture: ImageFixture): Promise<void> {
    for (let index = 0; index < 12; index++) {
      const { promptKey, imageIds } = await fixture.addImaged({ prompt: `a cat number ${index}`, scores: [0.9, 0.5, 0.5] });
      fixture.addVote({ voteId: `v${index}`, promptKey, shown: imageIds.slice(0, 2), ranking: [[imageIds[0]!], [imageIds[1]!]] });
    }
  }

  test("keep a prompt in one split, and list every image once", async () => {
    await using fixture = await openImageFixture();
    await addMany(fixture);
    await fixture.export({ tables: ALL, splits: THIRDS });
    const version = await readVersion(fixture);
    const splitOf = new Map<unknown, string>();
    for (const split of Object.keys(THIRDS)) {
      for (const table of ["pairs", "rankings", "votes"]) {
        const rows = rowsOf(version, table, split);
        expect(rows.length, `${table} ${split}`).toBeGreaterThan(0);
        for (const { prompt } of rows) {
          expect(splitOf.get(prompt) ?? split).toBe(split);
          splitOf.set(prompt, split);
        }
      }
    }
    const listed = version.text("images.csv").trimEnd().split("\n").slice(1);
    expect(new Set(listed).size).toBe(listed.length);
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("never show a file of one split in another: that row goes, and is counted", async () => {
    await using fixture = await openImageFixture();
    await addMany(fixture);
    // A copy of an image that default shows, among the candidates of a prompt in another split; no row of default shows it there.
    await fixture.export({ tables: ALL, splits: THIRDS }, { as: "before" });
    const before = await readVersion(fixture, "before");
    const testRow = rowsOf(before, "rankings", "test")[0]!;
    const trainRow = rowsOf(before, "pairs", "train")[0]!;
    const loser = (testRow["image_ids"] as string[])[1]!;
    fixture.db.client.prepare("delete from preference_rejected where image_id = ?").run(loser);
    fixture.db.client.prepare("update images set sha256 = ? where image_id = ?").run(trainRow["image_0_sha256"], loser);
    const report = await fixture.export({ tables: ALL, splits: THIRDS }, { as: "after" });
    expect(report.drops).toMatchObject({ "rankings:image-in-two-splits": 1, "votes:image-in-two-splits": 1 });
    const after = await readVersion(fixture, "after");
    expect(rowsOf(after, "rankings", "test").map(({ id }) => id)).not.toContain(testRow["id"]);
    expect((await problemsOf(fixture, "after")).filter((problem) => problem.includes("two splits"))).toEqual([]);
  });

  test("are the same bytes every time, in shards and gzip, too", async () => {
    await using fixture = await openImageFixture();
    await addMany(fixture);
    for (const section of [{ tables: ALL }, { tables: ALL, gzip: true, shards: 3 }]) {
      const as = section.tables.length + String(section.shards);
      await fixture.export(section, { as });
      const again = await fixture.export(section, { as });
      expect(again.outcome).toBe("unchanged");
      expect(await problemsOf(fixture, as)).toEqual([]);
    }
  });

  test.each([{ fields: "minimal" }, { seed_format: "string" }, { uri_base: "https://data.example/set" }])(
    "stand beside rows of %j",
    async (section) => {
      await using fixture = await openImageFixture();
      await fixture.addImaged({ prompt: "a cat", seeds: ["7", "-1"] });
      fixture.db.client.prepare("update jobs set adopted = 1 where seed = '-1'").run();
      await fixture.export({ tables: ALL, ...section });
      const version = await readVersion(fixture);
      expect(rowsOf(version, "pairs")).toHaveLength(1);
      expect(rowsOf(version, "rankings")).toHaveLength(1);
      expect(await problemsOf(fixture)).toEqual([]);
    },
  );

  test("are configurations of the card with pinned types, where they have rows", async () => {
    await using fixture = await openImageFixture();
    await fixture.addImaged({ prompt: "a cat" });
    await fixture.export({ tables: ALL });
    const card = (await readVersion(fixture)).text("README.md");
    const [, front = ""] = /^---\n(.*?)\n---\n/s.exec(card) ?? [];
    const { configs, dataset_info: info } = parse(front) as { configs: { config_name: string }[]; dataset_info: { config_name: string }[] };
    expect(configs.map(({ config_name: name }) => name)).toEqual(["default", "pairs", "rankings"]); // Nobody voted, nothing is tied.
    expect(info.map(({ config_name: name }) => name)).toEqual(["default", "pairs", "rankings"]);
    for (const name of ["pairs", "rankings"]) expect(card).toContain(`load_dataset(FOLDER, "${name}", split="train")`);
  });

  test("are found damaged by verify: another label, a name in the place of a pseudonym, a row that is not listed", async () => {
    await using fixture = await openImageFixture();
    await addMany(fixture);
    await fixture.export({ tables: ALL });
    const damage = async (path: string, from: string, to: string): Promise<void> => {
      const file = `${fixture.exportDir}/v1/${path}`;
      const content = await readFile(file, "utf8");
      expect(content).toContain(from);
      await writeFile(file, content.replace(from, to));
    };
    await damage("pairs/train-00000-of-00001.jsonl", '"label_0":1.0', '"label_0":0.0');
    await damage("votes/train-00000-of-00001.jsonl", '"annotator":"a_', '"annotator":"zoe');
    await damage("rankings/train-00000-of-00001.jsonl", '"ranking":[1,', '"ranking":[2,');
    const problems = (await problemsOf(fixture)).join("\n");
    for (const text of ["labels other than 1.0", "something else than a pseudonym", "places that do not follow"])
      expect(problems).toContain(text);
  });
});
