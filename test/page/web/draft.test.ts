import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TaskKind } from "../../../src/page/api.ts";
import { NO_PICKS, pick, pickTie, findRank, findChosenPlace, type Picks, FLAG_KEYS, toggleFlag } from "../../../src/page/web/draft.ts";

const slots = ["a", "b", "c", "d"];

/** Presses images one after the other, "=" for T, until the answer is complete. */
function press(kind: TaskKind, presses: string, shown: readonly string[] = slots) {
  let picks: Picks = NO_PICKS;
  for (const each of presses) {
    const picked = each === "=" ? pickTie(picks, { kind }) : pick(picks, each, { kind, slots: shown });
    if (picked.answer !== null) return picked.answer;
    picks = picked.picks;
  }
  return picks;
}

describe("picks", () => {
  it("answers at once if one image is asked for", () => {
    expect(press("pair", "b", ["a", "b"])).toEqual({ kind: "best", best: "b" });
    expect(press("best", "c")).toEqual({ kind: "best", best: "c" });
  });

  it("reads the best, then the worst", () => {
    expect(press("best-worst", "c")).toEqual({ tiers: [["c"]], joins: false });
    expect(press("best-worst", "ccd")).toEqual({ kind: "best-worst", best: "c", worst: "d" });
    expect(press("best-worst", "a", ["a", "b"])).toEqual({ kind: "best", best: "a" });
  });

  it("reads an order, with ties", () => {
    expect(press("rank", "dab")).toEqual({ tiers: [["d"], ["a"], ["b"]], joins: false });
    expect(press("rank", "dabc")).toEqual({ kind: "ranking", ranking: [["d"], ["a"], ["b"], ["c"]] });
    expect(press("rank", "d=abc")).toEqual({ kind: "ranking", ranking: [["d", "a"], ["b"], ["c"]] });
    expect(press("rank", "d==a=b=c")).toEqual({ kind: "ranking", ranking: [["d"], ["a", "b", "c"]] });
    expect(press("rank", "d=a=b=c")).toEqual({ kind: "tie" });
  });

  it("reads T at the start as a tie of all", () => {
    for (const kind of ["pair", "best", "best-worst", "rank"] as const) expect(press(kind, "=")).toEqual({ kind: "tie" });
  });

  it("ranks every image once, in the order pressed", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(slots, { minLength: 4 }), fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), (order, ties) => {
        const answer = press("rank", order.map((slot, index) => (index > 0 && ties[index - 1] === true ? `=${slot}` : slot)).join(""));
        const ranked = "kind" in answer && answer.kind === "ranking" ? answer.ranking.flat() : order;
        expect(ranked).toEqual(order);
      }),
    );
  });

  it("gives tied images one place", () => {
    const picks: Picks = { tiers: [["a", "b"], ["c"]], joins: false };
    expect(slots.map((slot) => findRank(picks, slot))).toEqual([1, 1, 3, null]);
  });

  it("finds what was chosen before", () => {
    expect(findChosenPlace({ kind: "best-worst", best: "a", worst: "b" }, "b")).toBe("worst");
    expect(findChosenPlace({ kind: "ranking", ranking: [["a", "b"], ["c"]] }, "b")).toBe("best");
    expect(findChosenPlace({ kind: "tie" }, "a")).toBeNull();
  });
});

describe("toggleFlag", () => {
  it("sets, adds and clears flags, and keeps no empty list", () => {
    const one = toggleFlag({}, "a", "nsfw");
    expect(one).toEqual({ a: ["nsfw"] });
    expect(toggleFlag(one, "a", "text")).toEqual({ a: ["nsfw", "text"] });
    expect(toggleFlag(one, "a", "nsfw")).toEqual({});
  });

  it("has a different key for each flag", () => {
    expect(new Set(FLAG_KEYS.map(([, key]) => key)).size).toBe(FLAG_KEYS.length);
  });
});
