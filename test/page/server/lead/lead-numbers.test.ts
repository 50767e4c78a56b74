import { afterEach, describe, expect, it } from "vitest";
import { annotatorQueries } from "../../../../src/db/queries/page/annotators.ts";
import { comparisonQueries } from "../../../../src/db/queries/page/comparisons.ts";
import type { Answer, LeadAnswer, Task } from "../../../../src/page/api.ts";
import { createLeadCounter } from "../../../../src/page/server/lead/lead-numbers.ts";
import { imageId } from "../../../helpers/annotated-dataset.ts";
import { openVotingPage, type VotingPage } from "../../../helpers/voting-page.ts";

let page: VotingPage;

afterEach(() => page[Symbol.asyncDispose]());

function numbers(): Promise<LeadAnswer> {
  const clock = { nowMs: page.nowMs, sleep: () => Promise.resolve() };
  return createLeadCounter({ db: page.dataset.db, clock, promptsWaiting: () => 3, cspReports: () => 2 })();
}

const of = (answer: LeadAnswer, name: string) => answer.annotators.find(({ annotator }) => annotator === name)!;

/** Prefers the image that is first (0) or last (1) by id, wherever it is shown. */
function preferring(task: Task, which: 0 | 1): Answer {
  const shown = page.dataset.db.client
    .prepare<[string], string>("select shown from assignments where task_id = ?")
    .pluck()
    .get(task.task_id)!;
  const ids = JSON.parse(shown) as string[];
  return { kind: "best", best: task.images[ids.indexOf(ids.toSorted().at(which === 0 ? 0 : -1)!)]!.slot };
}

describe("createLeadCounter()", () => {
  it("counts each person's votes, median time and agreement", async () => {
    page = await openVotingPage({ overlap: 2, max_votes: 2 });
    for (const name of ["a", "b", "c", "d"]) page.addPrompt(name, 2);
    await page.scan();
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    for (const [index, task] of ann.give(4).tasks.entries()) ann.vote(task, preferring(task, 0), { ms: 1_000 * (index + 1) });
    const tasks = bo.give(4).tasks.toSorted((first, second) => (first.prompt < second.prompt ? -1 : 1));
    for (const [index, task] of tasks.entries()) {
      bo.vote(task, index === 0 ? { kind: "skip" } : preferring(task, index === 1 ? 1 : 0), { ms: 9_000 });
    }
    const answer = await numbers();
    expect(of(answer, "ann")).toMatchObject({ votes: 4, skips: 0, median_ms: 2_000, per_hour: 4, state: "invited", excluded: false });
    expect(of(answer, "ann").agreement).toBeCloseTo(2 / 3);
    expect(of(answer, "bo")).toMatchObject({ votes: 4, skips: 1, median_ms: 9_000 });
    expect(answer.all).toMatchObject({ votes: 8, skips: 1, per_hour: 8 });
    expect(answer.all.agreement).toBeCloseTo(2 / 3);
    // Values 5 × first, 1 × second in three units of two: D_o = 2/6, D_e = 10/30.
    expect(answer.all.alpha).toBeCloseTo(0);
    expect(answer.tasks).toEqual({ done: 2, open: 1, disputed: 1, votes_left: 1, prompts_waiting: 3 });
    expect(answer.csp_reports).toBe(2);
  });

  it("leaves excluded people out of the totals, and still shows their numbers", async () => {
    page = await openVotingPage({ overlap: 3 });
    page.addPrompt("a", 2);
    await page.scan();
    for (const [index, name] of ["ann", "bo", "cy"].entries()) {
      const person = page.person(name);
      const task = person.next();
      person.vote(task, preferring(task, index === 2 ? 1 : 0), { ms: index === 2 ? 10 : 1_000 });
    }
    annotatorQueries(page.dataset.db).setExcluded("cy", { excluded: true, nowMs: 1 });
    const answer = await numbers();
    expect(answer.all).toMatchObject({ votes: 2, agreement: 1, median_ms: 1_000 });
    expect(of(answer, "cy")).toMatchObject({ votes: 1, excluded: true, agreement: 0 });
    expect(of(answer, "ann").agreement).toBe(0.5);
  });

  it("measures people by known answers and repeats, which do not count as votes", async () => {
    page = await openVotingPage({ gold_rate: 1, repeat_rate: 0 });
    page.addPrompt("g", 2);
    page.addPrompt("h", 2);
    page.dataset.db.client.prepare("update prompts set active = 0").run();
    const gold = ["g", "h"].map((name) => {
      const images = [imageId(`${name}0`), imageId(`${name}1`)].toSorted();
      return { promptKey: `p_${name}`, criterion: "overall", images: JSON.stringify(images), expected: JSON.stringify([images[0]]) };
    });
    comparisonQueries(page.dataset.db).setGold(gold);
    page.chance.push(...Array.from({ length: 12 }, () => 0));
    const ann = page.person("ann");
    const { tasks } = ann.give(2);
    ann.vote(tasks[0]!, preferring(tasks[0]!, 0));
    ann.vote(tasks[1]!, preferring(tasks[1]!, 1));
    expect(ann.give(2).tasks).toEqual([]);
    expect(of(await numbers(), "ann")).toMatchObject({ votes: 0, gold_votes: 2, gold_accuracy: 0.5 });
    expect(page.dataset.db.client.prepare("select count(*) from counted_votes").pluck().get()).toBe(0);
  });

  it("compares a repeat with the first answer", async () => {
    page = await openVotingPage({ repeat_rate: 1 });
    for (let prompt = 0; prompt < 23; prompt++) page.addPrompt(`r${prompt}`, 2);
    await page.scan();
    const ann = page.person("ann");
    for (let vote = 0; vote < 20; vote++) {
      const task = ann.next();
      ann.vote(task, preferring(task, 0));
    }
    const fresh = ann.next();
    ann.vote(fresh, preferring(fresh, 0));
    page.chance.push(0.5, 0);
    const again = ann.next();
    ann.vote(again, preferring(again, 1));
    expect(of(await numbers(), "ann")).toMatchObject({ votes: 21, repeats: 1, self_consistency: 0 });
  });
});
