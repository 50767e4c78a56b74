import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { voteQueries } from "../../../src/db/queries/annotate/votes.ts";
import type { Task } from "../../../src/page/api.ts";
import { openVotingPage, type VotingPage } from "../../helpers/voting-page.ts";

let page: VotingPage;

beforeEach(async () => {
  page = await openVotingPage({ overlap: 2, max_votes: 3 });
  page.addPrompt("fox", 2);
  page.addPrompt("tea", 2);
  await page.scan();
});

afterEach(() => page[Symbol.asyncDispose]());

const column = (query: string): readonly unknown[] => page.dataset.db.client.prepare(query).pluck().all();
const best = (task: Task, place = 0) => ({ kind: "best", best: task.images[place]!.slot }) as const;
/** Returns the answer that prefers the same image, wherever it is shown. */
function lowest(task: Task) {
  const shown = JSON.parse(String(column(`select shown from assignments where task_id = '${task.task_id}'`)[0])) as string[];
  return best(task, shown.indexOf(shown.toSorted()[0]!));
}

describe("createEntryRecorder()", () => {
  it("writes a vote as the importer does, with the order shown", () => {
    const ann = page.person("ann");
    const task = ann.next();
    const voteId = randomUUID();
    const [left, right] = task.images;
    const answer = best(task, 1);
    expect(ann.vote(task, answer, { vote_id: voteId, flags: { [left!.slot]: ["text"] }, ms: 4_150 })).toEqual({
      kind: "confirmed",
      vote_id: voteId,
    });
    const row = voteQueries(page.dataset.db).findVote(voteId)!;
    const shown = JSON.parse(row.shown) as string[];
    expect(row).toMatchObject({
      annotator: "ann",
      criterion: "overall",
      kind: "choice",
      source: "page",
      durationMs: 4_150,
      castAtMs: page.nowMs(),
    });
    expect(row.ranking).toBe(JSON.stringify([[shown[1]]]));
    expect(row.flags).toBe(JSON.stringify({ [shown[0]!]: ["text"] }));
    expect(right!.slot).toBe(answer.best);
  });

  it("accepts a vote from a page left open over a weekend, without its time", () => {
    const ann = page.person("ann");
    const task = ann.next();
    const entry = { vote_id: randomUUID(), ms: 3 * 86_400_000 };
    for (let time = 0; time < 2; time++) expect(ann.vote(task, best(task), entry).kind).toBe("confirmed");
    expect(column("select duration_ms from votes")).toEqual([null]);
  });

  it("confirms the same vote again and counts it once", () => {
    const ann = page.person("ann");
    const task = ann.next();
    const entry = { vote_id: randomUUID() };
    for (let time = 0; time < 3; time++) expect(ann.vote(task, best(task), entry).kind).toBe("confirmed");
    expect(column("select count(*) from votes")).toEqual([1]);
    expect(column("select answers from comparisons where answers > 0")).toEqual([1]);
  });

  it("refuses other content with the same id, a second vote on a task, and other people's tasks", () => {
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const task = ann.next();
    const voteId = randomUUID();
    ann.vote(task, best(task), { vote_id: voteId });
    expect(ann.vote(task, best(task, 1), { vote_id: voteId })).toMatchObject({ kind: "refused", reason: "other-vote" });
    expect(ann.vote(task, best(task, 1))).toMatchObject({ kind: "refused", reason: "already-answered" });
    expect(bo.vote(task, best(task))).toMatchObject({ kind: "refused", reason: "unknown-task" });
    expect(bo.vote(bo.next(), { kind: "best", best: task.images[0]!.slot })).toMatchObject({ kind: "refused", reason: "bad-answer" });
    expect(bo.undo(voteId)).toMatchObject({ kind: "refused", reason: "unknown-vote" });
    expect(column("select count(*) from votes")).toEqual([1]);
  });

  it("undoes any earlier vote, keeps its row, and accepts another vote in its place", () => {
    const ann = page.person("ann");
    const [first, second] = ann.give(2).tasks;
    const voteId = randomUUID();
    ann.vote(first!, best(first!), { vote_id: voteId });
    ann.vote(second!, best(second!));
    for (let time = 0; time < 2; time++) {
      expect(ann.undo(voteId)).toMatchObject({ kind: "undone", task: { task_id: first!.task_id, images: first!.images } });
    }
    expect(column("select count(*) from votes")).toEqual([2]);
    expect(column("select count(*) from counted_votes")).toEqual([1]);
    expect(column("select sum(answers) from comparisons")).toEqual([1]);
    expect(ann.vote(first!, best(first!, 1)).kind).toBe("confirmed");
    expect(column("select count(*) from counted_votes")).toEqual([2]);
  });

  it("does not count a vote that arrives again after it was undone", () => {
    const ann = page.person("ann");
    const task = ann.next();
    const entry = { vote_id: randomUUID() };
    ann.vote(task, best(task), entry);
    ann.undo(entry.vote_id);
    expect(ann.vote(task, best(task), entry).kind).toBe("confirmed");
    expect(column("select count(*) from counted_votes")).toEqual([0]);
  });

  it("asks a third person if two disagree, and then calls it disputed", () => {
    const [ann, bo, cy, di] = ["ann", "bo", "cy", "di"].map((name) => page.person(name));
    const foxOf = (tasks: readonly Task[]): Task | undefined => tasks.find(({ prompt }) => prompt.endsWith("fox"));
    const state = (): unknown => column("select state from comparisons where prompt_key = 'p_fox'")[0];
    const first = foxOf(ann!.give(2).tasks)!;
    ann!.vote(first, lowest(first));
    const second = foxOf(bo!.give(2).tasks)!;
    bo!.vote(second, { kind: "tie" });
    expect(state()).toBe("open");
    const third = foxOf(cy!.give(2).tasks)!;
    cy!.vote(third, { kind: "both-bad" });
    expect(state()).toBe("disputed");
    expect(foxOf(di!.give(2).tasks)).toBeUndefined();
  });

  it("is done once people agree, whatever the order shown", () => {
    for (const name of ["ann", "bo"]) {
      const person = page.person(name);
      for (const task of person.give(2).tasks) person.vote(task, lowest(task));
    }
    expect(column("select distinct state from comparisons")).toEqual(["done"]);
  });

  it("accepts the rest of a batch in which one entry is refused", () => {
    const ann = page.person("ann");
    const task = ann.next();
    expect(ann.vote(task, { kind: "best", best: "nowhere" }).kind).toBe("refused");
    expect(ann.vote(task, best(task)).kind).toBe("confirmed");
  });
});
