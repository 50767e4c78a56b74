import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { annotatorQueries } from "../../../../src/db/queries/page/annotators.ts";
import { excludedImages } from "../../../../src/db/queries/images/excluded-images.ts";
import type { Task } from "../../../../src/page/api.ts";
import { createComparisonFeed } from "../../../../src/page/server/tasks/comparison-feed.ts";
import { readComparisonRules } from "../../../../src/page/server/tasks/comparison-rules.ts";
import { importVotes } from "../../../../src/votes/import-votes.ts";
import { imageId } from "../../../helpers/annotated-dataset.ts";
import { openVotingPage, type VotingPage } from "../../../helpers/voting-page.ts";

let page: VotingPage;

afterEach(() => page[Symbol.asyncDispose]());

const rows = (query: string): readonly unknown[] => page.dataset.db.client.prepare(query).all();
const column = (query: string): readonly unknown[] => page.dataset.db.client.prepare(query).pluck().all();
const best = (task: Task) => ({ kind: "best", best: task.images[0]!.slot }) as const;

/** Scans again as a server with another configuration would. */
function lookAs(people: object, annotate: object = {}) {
  const context = page.dataset.with({ filters: { near_duplicate: 0 }, ...annotate, people: { task: "pair", ...people } });
  return createComparisonFeed(context, readComparisonRules(context.config)).scan(new AbortController().signal);
}

describe("createComparisonFeed()", () => {
  it("shows only prompts whose images are all stored and inspected, with two or more usable ones", async () => {
    page = await openVotingPage();
    page.addPrompt("whole", 2);
    page.addPrompt("single", 1);
    page.addPrompt("running", 2);
    page.dataset.addJob("late", { promptKey: "p_running", state: "planned" });
    page.addPrompt("blank", 1);
    page.dataset.addImage(imageId("dark"), { promptKey: "p_blank" });
    page.dataset.addInspection(imageId("dark"), { lumaStd: 0 });
    page.addPrompt("unseen", 1);
    page.dataset.addImage(imageId("new"), { promptKey: "p_unseen" });
    expect(await page.scan()).toEqual({ fed: 3, waiting: 2 });
    expect(column("select distinct prompt_key from comparisons")).toEqual(["p_whole"]);

    page.dataset.db.client.prepare("update jobs set state = 'failed', reason = 'oom' where job = 'late'").run();
    expect(await page.scan()).toEqual({ fed: 1, waiting: 1 });
    expect(column("select distinct prompt_key from comparisons order by 1")).toEqual(["p_running", "p_whole"]);
  });

  it("writes nothing at a second scan", async () => {
    page = await openVotingPage({ task: "best" });
    page.addPrompt("a", 4);
    await page.scan();
    const before = rows("select * from comparisons");
    const { epoch } = page.feed;
    expect(await page.scan()).toEqual({ fed: 0, waiting: 0 });
    expect(rows("select * from comparisons")).toEqual(before);
    expect(page.feed.epoch).toBe(epoch);
  });

  it("counts imported votes, and votes cast before the configuration changed", async () => {
    page = await openVotingPage({ overlap: 2 });
    page.addPrompt("a", 2);
    page.addPrompt("b", 2);
    const shown = [imageId("a1"), imageId("a0")];
    page.dataset.addVote("v-1", { promptKey: "p_a", shown, ranking: [[imageId("a1")]] });
    page.dataset.addVote("v-2", { promptKey: "p_a", shown: shown.toReversed(), ranking: [[imageId("a1")]] });
    page.dataset.addVote("v-3", { promptKey: "p_b", shown: [imageId("b0"), imageId("b1")], kind: "skip" });
    await page.scan();
    const states = "select prompt_key, state, answers, wanted from comparisons order by prompt_key";
    expect(rows(states)).toEqual([
      { prompt_key: "p_a", state: "done", answers: 2, wanted: 2 },
      { prompt_key: "p_b", state: "open", answers: 0, wanted: 2 },
    ]);
    await lookAs({ overlap: 3 });
    expect(rows(states)).toEqual([
      { prompt_key: "p_a", state: "open", answers: 2, wanted: 3 },
      { prompt_key: "p_b", state: "open", answers: 0, wanted: 3 },
    ]);
  });

  it("hides an excluded image, and shows it again once it is included", async () => {
    page = await openVotingPage({ task: "best" });
    page.addPrompt("a", 3);
    await page.scan();
    const states = "select json_array_length(images) as images, state from comparisons order by comparison";
    const images = excludedImages(page.dataset.db);
    images.exclude([imageId("a2")], "a watermark");
    expect(await page.scan()).toMatchObject({ fed: 1 });
    expect(rows(states)).toEqual([
      { images: 3, state: "void" },
      { images: 2, state: "open" },
    ]);
    images.restore([imageId("a2")]);
    await page.scan();
    expect(rows(states)).toEqual([
      { images: 3, state: "open" },
      { images: 2, state: "void" },
    ]);
  });

  it("asks everybody about an image that was made again, also those who voted on the earlier one", async () => {
    page = await openVotingPage({ task: "best" });
    const ann = page.person("ann");
    page.addPrompt("a", 2);
    const vote = (): void => {
      const task = ann.next();
      ann.vote(task, best(task));
    };
    await page.scan();
    vote();
    expect(column("select state from comparisons")).toEqual(["done"]);
    const { remake } = excludedImages(page.dataset.db);
    for (const [old, again] of [
      ["a0", "a2"],
      ["a2", "a3"],
    ] as const) {
      remake.plan([imageId(old)], "faulty");
      await page.scan();
      expect(column("select distinct state from comparisons")).toEqual(["void"]);
      page.dataset.db.client.prepare("update jobs set state = 'done'").run();
      page.dataset.addImage(imageId(again), { promptKey: "p_a" });
      page.dataset.addInspection(imageId(again));
      await page.scan();
      expect(column("select answers from comparisons where state = 'open'")).toEqual([0]);
      vote();
      expect(column("select state from comparisons order by comparison desc limit 1")).toEqual(["done"]);
    }
    expect(column("select count(*) from votes")).toEqual([3]);
  });

  it("counts votes that are imported while the page is served", async () => {
    page = await openVotingPage();
    page.addPrompt("a", 2);
    await page.scan();
    const file = join(page.dataset.context.config.dir, "votes.jsonl");
    await writeFile(file, JSON.stringify({ vote_id: "1", annotator: "bo", images: [imageId("a0"), imageId("a1")], choice: 0 }));
    await importVotes(file, { db: page.dataset.db, config: page.dataset.context.config });
    await page.scan();
    expect(column("select state from comparisons")).toEqual(["done"]);
  });

  it("asks for votes that are missing after a person is excluded, and no longer once that is undone", async () => {
    page = await openVotingPage();
    page.addPrompt("a", 2);
    await page.scan();
    const ann = page.person("ann");
    const task = ann.next();
    ann.vote(task, best(task));
    const state = "select state from comparisons";
    expect(column(state)).toEqual(["done"]);
    annotatorQueries(page.dataset.db).setExcluded("ann", { excluded: true, nowMs: 1 });
    await page.scan();
    expect(column(state)).toEqual(["open"]);
    expect(ann.give().tasks).toEqual([]);
    expect(page.person("bo").give().tasks).toHaveLength(1);
    annotatorQueries(page.dataset.db).setExcluded("ann", { excluded: false, nowMs: 1 });
    await page.scan();
    expect(column(state)).toEqual(["done"]);
  });

  it("asks for one criterion after the other, and no longer for a removed one", async () => {
    page = await openVotingPage({}, { criteria: ["overall", "text"] });
    page.addPrompt("a", 2);
    page.addPrompt("b", 2);
    await page.scan();
    expect(
      page
        .person("ann")
        .give(4)
        .tasks.map(({ criterion }) => criterion),
    ).toEqual(["overall", "overall", "text", "text"]);
    await lookAs({}, { criteria: ["overall"] });
    expect(column("select criterion from comparisons where state = 'open'")).toEqual(["overall", "overall"]);
  });

  it("shows only the first N prompts if so configured, and no removed ones", async () => {
    page = await openVotingPage();
    for (const [position, name] of ["a", "b", "c"].entries()) {
      page.addPrompt(name, 2);
      page.dataset.db.client.prepare("update prompts set position = ? where prompt_key = ?").run(position, `p_${name}`);
    }
    await page.scan();
    const open = "select prompt_key from comparisons where state = 'open' order by 1";
    expect(column(open)).toEqual(["p_a", "p_b", "p_c"]);
    page.dataset.db.client.prepare("update prompts set active = 0 where prompt_key = 'p_a'").run();
    await lookAs({ prompts: 2 });
    expect(column(open)).toEqual(["p_b"]);
  });

  it("asks nobody about near-duplicates", async () => {
    page = await openVotingPage({}, { filters: { near_duplicate: 4 } });
    for (const name of ["a0", "a1"]) {
      page.dataset.addImage(imageId(name), { promptKey: "p_a" });
      page.dataset.addInspection(imageId(name), { perceptualHash: name === "a0" ? "0000000000000000" : "0000000000000003" });
    }
    await page.scan();
    expect(rows("select * from comparisons")).toEqual([]);
  });

  it("plays a Swiss tournament: winners meet in the next round", async () => {
    page = await openVotingPage({ order: "swiss" });
    page.addPrompt("a", 4);
    await page.scan();
    const ann = page.person("ann");
    const winners: string[] = [];
    for (const task of ann.give(9).tasks) {
      ann.vote(task, best(task));
      winners.push((JSON.parse(String(column(`select shown from assignments where task_id = '${task.task_id}'`)[0])) as string[])[0]!);
    }
    expect(winners).toHaveLength(2);
    expect(column("select images from comparisons where round = 2")).toContain(JSON.stringify(winners.toSorted()));
    const last = ann.give(9).tasks;
    expect(last).toHaveLength(2);
    for (const task of last) ann.vote(task, best(task));
    expect(ann.give(9).tasks).toEqual([]);
    await page.scan();
    expect(column("select state from comparisons")).toEqual(["done", "done", "done", "done"]);
  });
});
