import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { excludedImages, unknownName, type ImageFilter } from "../../../../src/db/queries/images/excluded-images.ts";
import { jobQueries } from "../../../../src/db/queries/jobs/jobs.ts";
import { unusedImages } from "../../../../src/db/queries/images/unused-images.ts";
import { imageIdOf } from "../../../../src/identity.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";

const [a, b, c] = ["a", "b", "c"].map(imageId) as [string, string, string];
const NONE: ImageFilter = { imageIds: null, prompt: null, variant: null, server: null, sinceMs: null, untilMs: null, reason: null };

let dataset: TestDataset;
beforeEach(async () => {
  dataset = await openTestDataset();
  dataset.addImage(a, { promptKey: "p_1", variant: "base" });
  dataset.addImage(b, { promptKey: "p_1", variant: "base/cfg=7" });
  dataset.addImage(c, { promptKey: "p_2", variant: "based" });
});
afterEach(() => dataset[Symbol.asyncDispose]());

const sql = (text: string): void => void dataset.db.client.exec(text);
const states = () => dataset.db.client.prepare("select image_id, state, reason from images order by image_id").raw().all();
function chosen(filter: Partial<ImageFilter>, wanted: Parameters<ReturnType<typeof excludedImages>["choose"]>[1] = "excludable") {
  const images = excludedImages(dataset.db);
  images.choose({ ...NONE, ...filter }, wanted);
  return images.page("", 99);
}

describe("choose()", () => {
  it("takes a variant with all that it expands to, and no other whose name begins like it", () => {
    expect(chosen({ variant: "base" })).toEqual([a, b]);
    expect(chosen({ variant: "base/cfg=7" })).toEqual([b]);
    expect(chosen({ variant: "base", prompt: "p_2" })).toEqual([]);
  });

  it("takes a prompt by its key, its own id or its text", () => {
    sql("update prompts set source_id = 'mine' where prompt_key = 'p_2'");
    for (const prompt of ["p_2", "mine", "a picture of p_2"]) expect(chosen({ prompt })).toEqual([c]);
  });

  it("takes what a server may have been at within a time: from the submission to the end, the end of the time not in it", () => {
    sql("update jobs set attempt = 1, submitted_at_ms = 100, finished_at_ms = 200");
    const within = (sinceMs: number | null, untilMs: number | null) => chosen({ server: "s", imageIds: [a], sinceMs, untilMs }).length;
    expect([within(200, null), within(201, null), within(null, 100), within(null, 101), within(120, 130)]).toEqual([1, 0, 0, 1, 1]);
  });

  it("goes by the time of storing where the job has run again since", () => {
    sql("update jobs set attempt = 2, submitted_at_ms = 100, finished_at_ms = 200; update images set stored_at_ms = 50");
    expect(chosen({ imageIds: [a], sinceMs: 50, untilMs: 51 })).toEqual([a]);
    expect(chosen({ imageIds: [a], sinceMs: 51 })).toEqual([]);
  });
});

it("what is out keeps its first reason, and comes back as it was", () => {
  const images = excludedImages(dataset.db);
  expect(images.exclude([a, b], "one")).toBe(2);
  expect(images.exclude([b, c], "two")).toBe(1);
  expect(images.list()).toEqual([
    { reason: "one", images: 2, gone: 0, replaced: 0 },
    { reason: "two", images: 1, gone: 0, replaced: 0 },
  ]);
  expect(chosen({ reason: "one" }, "excluded")).toEqual([a, b]);
  const before = dataset.db.client.prepare("select key, sha256, bytes from images where image_id = ?").get(a);
  expect(images.restore([a, b])).toBe(2);
  expect(states()).toEqual([
    [a, "stored", null],
    [b, "stored", null],
    [c, "excluded", "two"],
  ]);
  expect(dataset.db.client.prepare("select key, sha256, bytes from images where image_id = ?").get(a)).toEqual(before);
});

it("another run of its job brings nothing back that was taken out", () => {
  excludedImages(dataset.db).exclude([a], "by hand");
  sql(`update jobs set state = 'submitted', prompt_id = 'again', server = 's', attempt = 2 where job = 'job-${a}'`);
  const [job] = jobQueries(dataset.db).submitted();
  const listed = { nodeId: "7", batchIndex: 0, filename: "f", subfolder: "", type: "output" };
  jobQueries(dataset.db).settleDone(job!, [listed], 0);
  expect(states()[0]).toEqual([a, "excluded", "by hand"]);
});

it("pruning takes its file and leaves its reason: by it, linking leaves the image out of what was said of its prompt", () => {
  const images = excludedImages(dataset.db);
  images.exclude([a], "by hand");
  const unused = unusedImages(dataset.db);
  const filter = { storedBeforeMs: 1, unpaired: false };
  expect(unused.page("", filter, 9).map((image) => image.imageId)).toEqual([a]);
  const page = unused.page("", filter, 9);
  unused.markPruned(page, "deleted");
  unused.markGone(page, "deleted");
  expect(states()[0]).toEqual([a, "excluded", "by hand"]);
  expect(images.list()).toEqual([{ reason: "by hand", images: 1, gone: 1, replaced: 0 }]);
  expect(images.restore([a])).toBe(0);
  expect(unused.ownerOf(a, `images/${a}.png`)).toBe("pruned");
  expect(unused.page("", filter, 9)).toEqual([]);
});

describe("what is made again", () => {
  const own = `job-${a}`;
  /** Runs the job of image `a` once more, as generate does. */
  function runAgain(attempt: number): void {
    sql(`update jobs set state = 'submitted', prompt_id = 'attempt-${attempt}', server = 's', attempt = ${attempt} where job = '${own}'`);
    const job = jobQueries(dataset.db)
      .submitted()
      .find((each) => each.job === own);
    jobQueries(dataset.db).settleDone(job!, [{ nodeId: "7", batchIndex: 0, filename: "f", subfolder: "", type: "output" }], 0);
  }
  const imagesOfJob = () =>
    dataset.db.client.prepare(`select image_id, generation, state, key from images where job = '${own}' order by generation`).raw().all();
  const nextOf = (generation: number): string => imageIdOf(own, { nodeId: "7", batchIndex: 0, generation });

  it("keeps its row, file, scores and votes, and gets a new image_id with each redo of a stored image", () => {
    const { db } = dataset;
    dataset.addInspection(a);
    dataset.addScore(a, 1);
    dataset.addVote("v1", { promptKey: "p_1", shown: [a, b], ranking: [[a]] });
    sql(`insert into preferences (place, pair_set, row_id, prompt_key, criterion, chosen, source, n_votes, n_candidates)
      values (1, 'main', 'd_1', 'p_1', 'overall', '${b}', 'people', 1, 2); insert into preference_rejected values (1, 0, '${a}', 0)`);
    const images = excludedImages(db);
    images.choose({ ...NONE, imageIds: [a] }, "both");
    images.remake.plan(images.remake.page("", 9), "faulty");
    expect(images.restore([a])).toBe(0);
    expect(images.list()).toEqual([{ reason: "faulty", images: 1, gone: 0, replaced: 1 }]);
    expect(db.client.prepare("select count(*) from scores").pluck().get()).toBe(1);
    for (const table of ["preferences", "preference_rejected"]) expect(db.client.prepare(`select 1 from ${table}`).all()).toEqual([]);
    expect(db.client.prepare("select state, free_first from jobs where job = ?").raw().get(own)).toEqual(["planned", 1]);
    // The same again chooses nothing: the old image is replaced, the new one is not there yet.
    expect(chosen({ imageIds: [a] }, "both")).toEqual([]);

    runAgain(2);
    expect(imagesOfJob()).toEqual([
      [a, 0, "excluded", `images/${a}.png`],
      [nextOf(1), 1, "listed", null],
    ]);
    sql(`update images set state = 'stored', key = 'k', sha256 = 's', bytes = 1 where image_id = '${nextOf(1)}'`);
    images.remake.plan([nextOf(1)], "still faulty");
    runAgain(3);
    expect(imagesOfJob().map((row) => (row as unknown[])[0])).toEqual([a, nextOf(1), nextOf(2)]);
  });

  it("keeps its image_id where it was never stored", () => {
    sql(
      `update jobs set attempt = 1 where job = '${own}'; update images set state = 'listed', key = null, sha256 = null where job = '${own}'`,
    );
    excludedImages(dataset.db).remake.plan([a], "faulty");
    expect(imagesOfJob()).toEqual([]);
    runAgain(2);
    expect(imagesOfJob()).toEqual([[nextOf(0), 0, "listed", null]]);
  });

  it("leaves the other images of its batch as they are", () => {
    sql(`insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type, state, key, sha256, bytes)
      select 'i_second', job, prompt_key, prompt_id, server, attempt, node_id, 1, filename, subfolder, type, state, 'second', sha256, bytes
      from images where image_id = '${a}'`);
    excludedImages(dataset.db).remake.plan(["i_second"], "faulty");
    expect(imagesOfJob()).toEqual([
      [a, 0, "stored", `images/${a}.png`],
      ["i_second", 0, "excluded", "second"],
    ]);
  });
});

it("adopted images and those set aside are not made again; those that a version shows are", () => {
  sql(`update jobs set adopted = 1 where job = 'job-${a}'; update jobs set inactive = 1 where job = 'job-${b}'`);
  const images = excludedImages(dataset.db);
  images.choose(NONE, "both");
  expect([images.counts().images, images.remake.count(), images.remake.page("", 9)]).toEqual([3, 1, [c]]);
});

it("knows a server that has no image any more, or none yet", () => {
  sql("insert into servers (url, state) values ('http://gpu-9', 'up')");
  expect(unknownName(dataset.db, { ...NONE, server: "http://gpu-9" })).toBeNull();
  expect(unknownName(dataset.db, { ...NONE, server: "http://gpu-8" })).toMatchObject({
    what: "server",
    known: expect.arrayContaining(["http://gpu-9"]),
  });
});
