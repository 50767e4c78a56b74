import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createProgressCounter } from "../../../../src/page/server/tasks/count-progress.ts";
import { openVotingPage, type VotingPage } from "../../../helpers/voting-page.ts";

let page: VotingPage;
beforeEach(async () => {
  page = await openVotingPage();
  for (const name of ["w", "x", "y", "z"]) page.addPrompt(name, 2);
  await page.scan();
});
afterEach(() => page[Symbol.asyncDispose]());

const counter = () => createProgressCounter({ db: page.dataset.db, clock: { nowMs: page.nowMs, sleep: () => Promise.resolve() } });

describe("createProgressCounter()", () => {
  it("counts done and left for each person, also between two counts", () => {
    const countProgress = counter();
    const [ann, bo] = [page.person("ann"), page.person("bo")];
    const of = ({ row }: typeof ann) => {
      const { done, left } = countProgress(row.annotatorId);
      return [done, left];
    };
    expect([of(ann), of(bo)]).toEqual([
      [0, 4],
      [0, 4],
    ]);
    for (let vote = 1; vote <= 2; vote++) {
      ann.vote(ann.next(), { kind: "tie" });
      expect(of(ann)).toEqual([vote, 4 - vote]);
    }
    page.pass(61_000);
    expect([of(ann), of(bo)]).toEqual([
      [2, 2],
      [0, 2],
    ]);
  });

  it("sees new work soon if nothing was left, and after the clock was set back", async () => {
    const countProgress = counter();
    const ann = page.person("ann");
    for (let vote = 0; vote < 4; vote++) ann.vote(ann.next(), { kind: "tie" });
    const left = (): number => countProgress(ann.row.annotatorId).left;
    expect(left()).toBe(0);
    page.addPrompt("new", 2);
    await page.scan();
    page.pass(1_001);
    expect(left()).toBe(1);
    page.pass(-86_400_000);
    page.addPrompt("newer", 2);
    await page.scan();
    expect(left()).toBe(2);
  });

  it("returns votes per hour at the pace of the last ten minutes", () => {
    const countProgress = counter();
    const ann = page.person("ann");
    ann.vote(ann.next(), { kind: "tie" });
    page.pass(120_000);
    ann.vote(ann.next(), { kind: "tie" });
    expect(countProgress(ann.row.annotatorId).per_hour).toBe(60);
    page.pass(601_000);
    expect(countProgress(ann.row.annotatorId).per_hour).toBe(0);
  });
});
