import { describe, expect, it } from "vitest";
import type { HistoryAnswer, Task } from "../../../src/page/api.ts";
import { PastVotes } from "../../../src/page/web/past-votes.ts";

const task = (task_id: string): Task => ({
  task_id,
  criterion: "overall",
  prompt: "",
  negative: "",
  images: [],
  references: [],
  leased_until_ms: 0,
});
const past = (vote_id: string) => ({ vote_id, task: task(`t-${vote_id}`), answer: { kind: "tie" }, flags: {} }) as const;
const noHistory = (): Promise<HistoryAnswer> => Promise.resolve({ votes: [], next: null });

async function popAll(votes: PastVotes): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let vote = await votes.pop(); vote !== null; vote = await votes.pop()) ids.push(vote.vote_id);
  return ids;
}

describe("PastVotes", () => {
  it("returns this page's votes, unsent ones of an earlier page, and the server's, each vote once", async () => {
    const pages: Readonly<Record<string, HistoryAnswer>> = {
      first: {
        votes: [
          { ...past("unsent"), cast_at_ms: 4 },
          { ...past("taken-back"), cast_at_ms: 3 },
          { ...past("older"), cast_at_ms: 2 },
        ],
        next: "second",
      },
      second: {
        votes: [
          { ...past("gone"), task: null, cast_at_ms: 1 },
          { ...past("oldest"), cast_at_ms: 0 },
        ],
        next: null,
      },
    };
    const votes = new PastVotes(
      [
        { entry: { kind: "vote", task_id: "t-unsent", ms: 1, ...past("unsent") }, task: task("t-unsent") },
        { entry: { kind: "undo", vote_id: "taken-back" }, task: task("t-taken-back") },
      ],
      (before) => Promise.resolve(pages[before ?? "first"]!),
    );
    votes.push(past("new"));
    expect(await popAll(votes)).toEqual(["new", "unsent", "older", "oldest"]);
    expect(await votes.pop()).toBeNull();
  });

  it("leaves out an unsent vote whose undo is unsent, too", async () => {
    const entry = { kind: "vote", task_id: "t-a", ms: 1, ...past("a") } as const;
    const votes = new PastVotes(
      [
        { entry, task: task("t-a") },
        { entry: { kind: "undo", vote_id: "a" }, task: task("t-a") },
      ],
      noHistory,
    );
    expect(await popAll(votes)).toEqual([]);
  });

  it("can be retried after the server did not answer", async () => {
    let asked = 0;
    const votes = new PastVotes([], () => {
      asked++;
      return asked === 1 ? Promise.reject(new Error("offline")) : Promise.resolve({ votes: [{ ...past("a"), cast_at_ms: 1 }], next: null });
    });
    await expect(votes.pop()).rejects.toThrow("offline");
    expect(await popAll(votes)).toEqual(["a"]);
  });

  it("forgets votes that the server refused", async () => {
    const votes = new PastVotes([], noHistory);
    votes.push(past("a"));
    votes.push(past("b"));
    votes.forget("b");
    expect(await popAll(votes)).toEqual(["a"]);
  });

  it("keeps 500 votes, and gets earlier ones from the server", async () => {
    const ids = Array.from({ length: 501 }, (_, index) => `v${index}`);
    const newestFirst = ids.toReversed();
    const votes = new PastVotes([], () =>
      Promise.resolve({ votes: newestFirst.map((vote_id) => ({ ...past(vote_id), cast_at_ms: 0 })), next: null }),
    );
    for (const id of ids) votes.push(past(id));
    expect(await popAll(votes)).toEqual(newestFirst);
  });
});
