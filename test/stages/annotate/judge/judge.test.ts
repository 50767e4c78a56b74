import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../../../src/errors.ts";
import type { Judge, JudgeImage } from "../../../../src/judges/judge.ts";
import { judge } from "../../../../src/stages/annotate/judge/judge.ts";
import { nothingUpstream } from "../../../../src/stages/stage.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";

const idOf = (name: string) => imageId(name);

/** Scores by position; remembers what it was asked. */
function recorder(options: Partial<Judge> & { readonly scores?: readonly (number | null)[] } = {}) {
  const asked: { readonly prompt: string; readonly ids: readonly string[] }[] = [];
  const { scores = [0.5, 0.4, 0.3, 0.2], ...rest } = options;
  const one: Judge = {
    name: "rec",
    version: "1",
    technical: false,
    async score(prompt: string, images: readonly JudgeImage[]) {
      asked.push({ prompt, ids: images.map((image) => image.imageId) });
      return images.map((image, index) => ({ imageId: image.imageId, score: scores[index] ?? null, raw: "said" }));
    },
    ...rest,
  };
  return { one, asked };
}

function addFinalGroup(dataset: TestDataset, promptKey: string, names: readonly string[]): void {
  for (const name of names) {
    dataset.addImage(idOf(name), { promptKey });
    dataset.addInspection(idOf(name));
  }
}

const scoresIn = ({ db }: TestDataset, judgeName = "rec") =>
  db.client.prepare("select image_id, version, score from scores where judge = ? order by image_id, version").raw().all(judgeName);

describe("judge()", () => {
  it("judges a final group as one list in image_id order, and stores null as null", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["b", "c", "a"]);
    const { one, asked } = recorder({ scores: [1, null, Number.NaN] });
    expect(await judge({ ...dataset.context, judges: [one] }, nothingUpstream)).toEqual({
      stage: "judge",
      done: 1,
      failed: 0,
      stopped: false,
      spent: [],
      lost: [],
    });
    expect(asked).toEqual([{ prompt: "a picture of p_1", ids: [idOf("a"), idOf("b"), idOf("c")] }]);
    expect(scoresIn(dataset)).toEqual([
      [idOf("a"), "1", 1],
      [idOf("b"), "1", null],
      [idOf("c"), "1", null],
    ]);
    expect(await judge({ ...dataset.context, judges: [one] }, nothingUpstream)).toMatchObject({ done: 0 });
  });

  it("waits for groups that can still change", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_running", ["a"]);
    dataset.addJob("running", { promptKey: "p_running", state: "submitted" });
    addFinalGroup(dataset, "p_planned", ["b"]);
    dataset.addJob("planned", { promptKey: "p_planned", state: "planned" });
    addFinalGroup(dataset, "p_listed", ["c"]);
    dataset.addImage(idOf("d"), { promptKey: "p_listed", state: "listed" });
    addFinalGroup(dataset, "p_uninspected", ["e"]);
    dataset.addImage(idOf("f"), { promptKey: "p_uninspected" });
    const { one, asked } = recorder();
    await judge({ ...dataset.context, judges: [one] }, nothingUpstream);
    expect(asked).toEqual([]);
  });

  it("treats failed jobs and rejected, undecodable or unwanted images as final, and does not judge these", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a"]);
    dataset.addJob("failed", { promptKey: "p_1", state: "failed" });
    dataset.addImage(idOf("b"), { promptKey: "p_1", state: "rejected" });
    dataset.addImage(idOf("c"), { promptKey: "p_1" });
    dataset.addInspection(idOf("c"), { error: "broken" });
    dataset.addImage(idOf("d"), { promptKey: "p_1" });
    dataset.addInspection(idOf("d"));
    dataset.addJob("aside", { promptKey: "p_1", state: "planned" });
    dataset.db.client.prepare("update jobs set inactive = 1 where job in ('aside', ?)").run(`job-${idOf("d")}`);
    const { one, asked } = recorder();
    await judge({ ...dataset.context, judges: [one] }, nothingUpstream);
    expect(asked.map(({ ids }) => ids)).toEqual([[idOf("a")]]);
  });

  it("judges only what is new when a group grows, and everything under a new version", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a", "b"]);
    const first = recorder();
    await judge({ ...dataset.context, judges: [first.one] }, nothingUpstream);
    addFinalGroup(dataset, "p_1", ["c"]);
    await judge({ ...dataset.context, judges: [first.one] }, nothingUpstream);
    expect(first.asked.map(({ ids }) => ids)).toEqual([[idOf("a"), idOf("b")], [idOf("c")]]);
    const second = recorder({ version: "2" });
    await judge({ ...dataset.context, judges: [second.one] }, nothingUpstream);
    expect(second.asked.map(({ ids }) => ids.length)).toEqual([3]);
    expect(scoresIn(dataset)).toHaveLength(6);
  });

  it("retries after a temporary failure, and writes groups only as a whole", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a", "b"]);
    const { one } = recorder();
    let trouble = 1;
    const score: Judge["score"] = (...args) => (trouble-- > 0 ? Promise.reject(new TransientError("busy")) : one.score(...args));
    expect(await judge({ ...dataset.context, judges: [{ ...one, score }] }, nothingUpstream)).toMatchObject({ done: 1, failed: 0 });
    expect(scoresIn(dataset)).toHaveLength(2);
    expect(dataset.warnings).toEqual(["busy. Trying again"]);
  });

  it("asks several judges, and ends them all if one fails", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a", "b"]);
    const { one } = recorder();
    expect(await judge({ ...dataset.context, judges: [one, ...dataset.context.judges] }, nothingUpstream)).toMatchObject({ done: 2 });
    const dead: Judge = { ...one, name: "dead", score: () => Promise.reject(new FatalError("401")) };
    const waiting = { moreToCome: () => true, waitForWork: (signal: AbortSignal) => dataset.context.clock.sleep(60_000, signal) };
    await expect(judge({ ...dataset.context, judges: [one, dead] }, waiting)).rejects.toThrow("401");
  });

  it("beside other stages continues without a judge that refuses, reports it at once, and finishes with the others", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a", "b"]);
    const { one } = recorder();
    const refuse = (): Promise<never> => Promise.reject(new FatalError("Cannot score: 401", { hint: "set the headers" }));
    const dead: Judge = { ...one, name: "dead", score: refuse };
    const behind: Judge = { ...one, name: "behind", after: "dead" };
    const report = await judge({ ...dataset.context, judges: [dead, behind, one] }, nothingUpstream, { isBeside: true });
    expect(report).toMatchObject({ done: 1, failed: 0, stopped: false, lost: ["dead"] });
    expect(scoresIn(dataset)).toHaveLength(2);
    expect(dataset.warnings).toEqual(["Cannot score: 401. Try: set the headers. This run continues without dead"]);
    const broken: Judge = { ...one, name: "broken", score: () => Promise.reject(new TypeError("a bug")) };
    await expect(judge({ ...dataset.context, judges: [broken] }, nothingUpstream, { isBeside: true })).rejects.toThrow("a bug");
  });

  it("waits for a judge that is away for an hour while images are still made, and then judges all", async () => {
    await using dataset = await openTestDataset();
    for (const [index, promptKey] of ["p_1", "p_2", "p_3"].entries()) addFinalGroup(dataset, promptKey, [`a${index}`, `b${index}`]);
    let nowMs = 0;
    const clock = { nowMs: () => nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += Math.max(1, ms))) };
    const HOUR_MS = 3_600_000;
    const { one } = recorder();
    const away: Judge["score"] = (...args) => (nowMs < HOUR_MS ? Promise.reject(new TransientError("away")) : one.score(...args));
    const making = { moreToCome: () => nowMs < 2 * HOUR_MS, waitForWork: () => clock.sleep(60_000) };
    const judges = [{ ...one, score: away }];
    expect(await judge({ ...dataset.context, clock, judges }, making, { isBeside: true })).toMatchObject({ done: 3, failed: 0, lost: [] });
    expect(scoresIn(dataset)).toHaveLength(6);
  });

  it("judges a grown group again as a whole if scores are relative, and replaces them together", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a", "b"]);
    const first = recorder({ relative: true, scores: [1, 0] });
    await judge({ ...dataset.context, judges: [first.one] }, nothingUpstream);
    addFinalGroup(dataset, "p_1", ["c"]);
    const second = recorder({ relative: true, scores: [0.5, 0, 1] });
    await judge({ ...dataset.context, judges: [second.one] }, nothingUpstream);
    expect(second.asked.map(({ ids }) => ids)).toEqual([[idOf("a"), idOf("b"), idOf("c")]]);
    expect(scoresIn(dataset)).toEqual([
      [idOf("a"), "1", 0.5],
      [idOf("b"), "1", 0],
      [idOf("c"), "1", 1],
    ]);
  });

  it("shows a group to a judge with by only once the other judge's current version has scored it", async () => {
    await using dataset = await openTestDataset();
    for (const group of ["p_1", "p_2"]) addFinalGroup(dataset, group, [`${group}a`, `${group}b`]);
    for (const name of ["p_1a", "p_1b"]) dataset.addScore(idOf(name), 9, { judge: "rec", version: "0" });
    const earlier = recorder({ scores: [0.25, null] });
    const seen: (number | null)[][] = [];
    const later: Judge = {
      ...earlier.one,
      name: "later",
      after: "rec",
      async score(_prompt, images) {
        seen.push(images.map(({ earlierScore }) => earlierScore));
        return images.map(({ imageId: id }) => ({ imageId: id, score: 1 }));
      },
    };
    const asked = async (judges: readonly Judge[]) => judge({ ...dataset.context, judges }, nothingUpstream);
    expect(await asked([later, earlier.one])).toMatchObject({ done: 4 });
    expect(seen).toEqual([
      [0.25, null],
      [0.25, null],
    ]);
    expect(await asked([later, earlier.one])).toMatchObject({ done: 0 });
  });

  it("leaves the rest for the next run if a judge reaches its limit, and reports it", async () => {
    await using dataset = await openTestDataset();
    for (const group of ["p_1", "p_2", "p_3", "p_4"]) addFinalGroup(dataset, group, [group]);
    const { one } = recorder();
    let left = 2;
    const used = { requests: 0, promptTokens: 0, completionTokens: 0 };
    const bounded: Judge = {
      ...one,
      usage: () => ({ ...used }),
      async score(...args) {
        if (left-- <= 0) return null;
        used.requests++;
        used.promptTokens += 10;
        return one.score(...args);
      },
    };
    const context = { ...dataset.context, judges: [bounded, ...dataset.context.judges] };
    expect(await judge(context, nothingUpstream)).toMatchObject({ done: 6, failed: 0, stopped: true, spent: ["rec"] });
    expect(scoresIn(dataset)).toHaveLength(2);
    expect(scoresIn(dataset, "quality")).toHaveLength(4);
    expect(dataset.warnings).toEqual([expect.stringMatching(/^rec: max_requests is reached/)]);
    left = 10;
    expect(await judge(context, nothingUpstream)).toMatchObject({ done: 2, stopped: false, spent: [] });
    const counters = dataset.db.client.prepare("select name, value from counters where name like 'judge%' order by name").raw().all();
    expect(counters).toEqual([
      ["judge_prompt_tokens", 60],
      ["judge_requests", 6],
    ]);
  });

  it("treats an answer of the wrong length or order as a bug", async () => {
    await using dataset = await openTestDataset();
    addFinalGroup(dataset, "p_1", ["a", "b"]);
    const { one } = recorder();
    const score: Judge["score"] = async (...args) => ((await one.score(...args)) ?? []).toReversed();
    await expect(judge({ ...dataset.context, judges: [{ ...one, score }] }, nothingUpstream)).rejects.toThrow("in another order");
    expect(scoresIn(dataset)).toEqual([]);
  });

  it("gives the judge the stored bytes", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(idOf("a"), Buffer.from("bytes of a"), { promptKey: "p_1" });
    dataset.addInspection(idOf("a"));
    const { one } = recorder();
    const score: Judge["score"] = async (_prompt, images, signal) =>
      Promise.all(images.map(async (image) => ({ imageId: image.imageId, score: (await image.bytes(signal)).byteLength })));
    await judge({ ...dataset.context, judges: [{ ...one, score }] }, nothingUpstream);
    expect(scoresIn(dataset)).toEqual([[idOf("a"), "1", 10]]);
  });
});
