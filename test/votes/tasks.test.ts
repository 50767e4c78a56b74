import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { annotatorQueries } from "../../src/db/queries/page/annotators.ts";
import { listVoteTasks, type ExportTasksOptions } from "../../src/stages/annotate/export-tasks.ts";
import { TASK_FORMATS } from "../../src/votes/tasks/registry.ts";
import type { OutgoingTask, TaskFormat } from "../../src/votes/tasks/task-format.ts";
import { importInto, votesOf } from "../contracts/vote-format.ts";
import { imageId, openTestDataset, type TestDataset } from "../helpers/annotated-dataset.ts";

async function datasetOf(names: readonly string[]): Promise<TestDataset> {
  const dataset = await openTestDataset({ criteria: ["overall", "style"] });
  for (const [index, name] of names.entries()) {
    dataset.addImage(imageId(name), { promptKey: "p_1" });
    dataset.addInspection(imageId(name), { pixelSha256: `${index}`.repeat(64), perceptualHash: `${index}`.repeat(16) });
  }
  return dataset;
}

const tasksOf = ({ context }: TestDataset, options: Partial<ExportTasksOptions> = {}): OutgoingTask[] =>
  [...listVoteTasks(context, { task: "best", overlap: 1, promptsMax: Infinity, ...options })].map(({ images, ...task }) => ({
    ...task,
    images: images.map(({ imageId: id, key }) => ({ imageId: id, uri: context.store.uriOf(key) })),
  }));

describe("listVoteTasks()", () => {
  it("asks about all images at once, or two by two, under each criterion", async () => {
    await using dataset = await datasetOf(["a", "b", "c"]);
    const shown = tasksOf(dataset).map(({ criterion, images }) => [criterion, images.length]);
    expect(shown).toEqual([
      ["overall", 3],
      ["style", 3],
    ]);
    const pairs = tasksOf(dataset, { task: "pair" });
    expect(pairs).toHaveLength(6);
    expect(
      new Set(
        pairs.map(({ images }) =>
          images
            .map((image) => image.imageId)
            .toSorted()
            .join(),
        ),
      ).size,
    ).toBe(3);
  });

  it("leaves out what has its votes; skips are none", async () => {
    await using dataset = await datasetOf(["a", "b"]);
    const shown = [imageId("a"), imageId("b")];
    dataset.addVote("v1", { promptKey: "p_1", shown, kind: "skip", ranking: [] });
    expect(tasksOf(dataset).map(({ criterion }) => criterion)).toEqual(["overall", "style"]);
    dataset.addVote("v2", { promptKey: "p_1", shown, ranking: [[imageId("b")]] });
    expect(tasksOf(dataset).map(({ criterion }) => criterion)).toEqual(["style"]);
    expect(tasksOf(dataset, { overlap: 2 })).toHaveLength(2);
  });

  it("asks again where votes no longer count: taken back on the page, of somebody who is excluded, or about another image", async () => {
    await using dataset = await datasetOf(["a", "b"]);
    const shown = [imageId("a"), imageId("b")];
    const open = () => tasksOf(dataset).map(({ criterion }) => criterion);
    dataset.addVote("v1", { promptKey: "p_1", shown, ranking: [[imageId("b")]] });
    expect(open()).toEqual(["style"]);
    const people = annotatorQueries(dataset.db);
    people.setExcluded("ann", { excluded: true, nowMs: 1 });
    expect(open()).toEqual(["overall", "style"]);
    people.setExcluded("ann", { excluded: false, nowMs: 1 });
    expect(open()).toEqual(["style"]);
    dataset.db.client.prepare("insert into vote_pictures values ('v1', ?, 'the sha256 of an earlier image')").run(imageId("a"));
    expect(open()).toEqual(["overall", "style"]);
  });

  it("asks again where the only vote was for an image that is out now, or says nothing of the two that are asked about", async () => {
    await using dataset = await datasetOf(["a", "b", "c"]);
    const [a, b, c] = ["a", "b", "c"].map(imageId) as [string, string, string];
    for (const criterion of ["overall", "style"])
      dataset.addVote(criterion, { promptKey: "p_1", criterion, shown: [a, b, c], ranking: [[c]] });
    expect(tasksOf(dataset)).toEqual([]);
    const pairs = tasksOf(dataset, { task: "pair" }).map(({ images }) => images.map((image) => image.imageId).toSorted());
    expect(pairs).toEqual([[a, b].toSorted(), [a, b].toSorted()]);
    dataset.db.client.prepare("update images set state = 'excluded', reason = 'x' where image_id = ?").run(c);
    expect(tasksOf(dataset)).toHaveLength(2);
  });

  it("asks about the first prompts that want votes, as many as are asked for", async () => {
    await using dataset = await datasetOf(["a", "b"]);
    for (const [index, name] of ["c", "d"].entries()) {
      dataset.addImage(imageId(name), { promptKey: "p_2" });
      dataset.addInspection(imageId(name), { pixelSha256: `${index}`.repeat(64), perceptualHash: `${index}`.repeat(16) });
    }
    expect(tasksOf(dataset, { promptsMax: 1 }).map(({ promptKey }) => promptKey)).toEqual(["p_1", "p_1"]);
    const shown = [imageId("a"), imageId("b")];
    for (const criterion of ["overall", "style"])
      dataset.addVote(criterion, { promptKey: "p_1", criterion, shown, ranking: [[imageId("b")]] });
    expect(tasksOf(dataset, { promptsMax: 1 }).map(({ promptKey }) => promptKey)).toEqual(["p_2", "p_2"]);
  });

  it("asks nothing about what the filters leave out", async () => {
    await using dataset = await datasetOf(["a", "b"]);
    dataset.addImage(imageId("c"), { promptKey: "p_1" });
    dataset.addInspection(imageId("c"), { lumaStd: 0 });
    expect(tasksOf(dataset)[0]?.images).toHaveLength(2);
  });

  it("shows the same order every time, and not always the same image first", async () => {
    await using dataset = await datasetOf(["a", "b", "c", "d", "e", "f"]);
    const pairs = tasksOf(dataset, { task: "pair" });
    expect(tasksOf(dataset, { task: "pair" })).toEqual(pairs);
    const lowerFirst = pairs.filter(({ images: [first, second] }) => first!.imageId < second!.imageId).length;
    expect(lowerFirst).toBeGreaterThan(5);
    expect(lowerFirst).toBeLessThan(25);
  });
});

/** What the tool gives back for a task that was answered: the task's second image is the best, or the order is reversed. */
const ANSWERS: Readonly<Record<string, (task: object, kind: ExportTasksOptions["task"], index: number) => object>> = {
  jsonl(task, kind, index) {
    const { prompt: _prompt, uris: _uris, ...vote } = task as { images: string[]; prompt: string; uris: string[] };
    const outcome = kind === "rank" ? { ranking: vote.images.toReversed().map((id) => [id]) } : { choice: 1 };
    return { ...vote, vote_id: `v${index}`, annotator: "ann", ...outcome };
  },
  "label-studio"(task, kind, index) {
    const { data } = task as { data: { images: { id: string }[] } };
    const result =
      kind === "rank"
        ? {
            from_name: "ranking",
            to_name: "images",
            type: "ranker",
            value: { ranker: { ranking: data.images.map(({ id }) => id).toReversed() } },
          }
        : { from_name: "outcome", to_name: "image1", type: "choices", value: { choices: ["image2"] } };
    return { id: index, ...task, annotations: [{ id: index, completed_by: 1, was_cancelled: false, lead_time: 1, result: [result] }] };
  },
  argilla(task, kind) {
    const { fields } = task as { fields: object };
    const names = Object.keys(fields).filter((name) => name.startsWith("image_"));
    const answer = (value: unknown): object[] => [{ value, user_id: "11111111-1111-4111-8111-111111111111" }];
    return { ...task, responses: kind === "rank" ? { ranking: answer(names.toReversed()) } : { best: answer("image_2") } };
  },
};

describe.each(TASK_FORMATS)("tasks for $name", (format: TaskFormat) => {
  it.each(["pair", "best", "rank"] as const)("come back as votes (%s)", async (task) => {
    await using dataset = await datasetOf(["a", "b", "c"]);
    const asked = tasksOf(dataset, { task });
    const answers = asked.map((one, index) =>
      ANSWERS[format.name]!(JSON.parse(JSON.stringify(format.objectOf(one, { task }))) as object, task, index),
    );
    const file = join(dataset.context.config.dir, `answers.${format.extension}`);
    await writeFile(
      file,
      format.extension === "json" ? JSON.stringify(answers) : answers.map((answer) => JSON.stringify(answer)).join("\n"),
    );
    expect(await importInto(dataset, file)).toMatchObject({ format: format.name, imported: asked.length, refused: {} });
    expect(tasksOf(dataset, { task })).toEqual([]);
    const short = (id: string): string => String.fromCharCode(96 + Number(id[3]));
    const expected = asked.map(({ criterion, images }) => {
      const shown = images.map((image) => short(image.imageId));
      return [criterion, shown, task === "rank" ? shown.toReversed().map((id) => [id]) : [[shown[1]]]];
    });
    const votes = (votesOf(dataset) as unknown[][]).map(([, , criterion, , shown, ranking]) => [criterion, shown, ranking]);
    expect(new Set(votes.map((vote) => JSON.stringify(vote)))).toEqual(new Set(expected.map((vote) => JSON.stringify(vote))));
  });

  it("say nothing of model, seed or variant", async () => {
    await using dataset = await datasetOf(["a", "b"]);
    const [task] = tasksOf(dataset);
    expect(JSON.stringify(format.objectOf(task!, { task: "best" }))).not.toMatch(/seed|variant|model|base/);
  });
});
