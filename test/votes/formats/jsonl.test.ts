import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VoteError } from "../../../src/votes/raw-vote.ts";
import { readVote } from "../../../src/votes/formats/jsonl.ts";

const line = (vote: object | string): Uint8Array => new TextEncoder().encode(typeof vote === "string" ? vote : JSON.stringify(vote));
const base = { vote_id: "v1", annotator: "ann", images: ["x", "y", "z"] };
const reasonOf = (bytes: Uint8Array): string => {
  try {
    readVote(bytes);
    return "none";
  } catch (error) {
    if (error instanceof VoteError) return error.reason;
    throw error;
  }
};

describe("readVote()", () => {
  it("reads every form of outcome", () => {
    const outcome = (fields: object) => {
      const { kind, ranking } = readVote(line({ ...base, ...fields }));
      return [kind, ranking];
    };
    expect(outcome({ choice: 2 })).toEqual(["choice", [["z"]]]);
    expect(outcome({ choice: "y" })).toEqual(["choice", [["y"]]]);
    expect(outcome({ choice: "tie" })).toEqual(["tie", [["x", "y", "z"]]]);
    expect(outcome({ choice: "both_bad" })).toEqual(["both_bad", []]);
    expect(outcome({ choice: "skip" })).toEqual(["skip", []]);
    expect(outcome({ ranking: [["z"], ["x", "y"]] })).toEqual(["choice", [["z"], ["x", "y"]]]);
    expect(outcome({ ranking: [["z", "y", "x"]] })).toEqual(["tie", [["z", "y", "x"]]]);
  });

  it("reads the rest, absent keys as null or nothing", () => {
    expect(readVote(line({ ...base, choice: 0 }))).toMatchObject({
      criterion: null,
      promptKey: null,
      flags: {},
      durationMs: null,
      castAtMs: null,
    });
    const full = {
      ...base,
      choice: 0,
      criterion: "style",
      prompt_key: "p_1",
      flags: { x: ["nsfw"] },
      ms: 4150,
      cast_at: "2026-03-01T21:04:05+02:00",
    };
    expect(readVote(line(full))).toMatchObject({
      criterion: "style",
      promptKey: "p_1",
      flags: { x: ["nsfw"] },
      durationMs: 4150,
      castAtMs: Date.UTC(2026, 2, 1, 19, 4, 5),
    });
  });

  it("refuses what is no JSON, or no UTF-8", () => {
    expect(reasonOf(line('{"vote_id":'))).toBe("not-json");
    expect(reasonOf(Uint8Array.of(0x22, 0xff, 0x22))).toBe("not-json");
  });

  it("refuses missing, unknown and mistyped keys by name", () => {
    expect(() => readVote(line({ ...base, choice: 0, chioce: 1 }))).toThrow(/chioce/);
    expect(() => readVote(line({ ...base, vote_id: undefined, choice: 0 }))).toThrow(/vote_id/);
    for (const wrong of [
      [],
      '"text"',
      { ...base, choice: 1.5 },
      { ...base, choice: -1 },
      { ...base, images: ["x"], choice: 0 },
      { ...base, choice: 0, ms: "fast" },
      { ...base, choice: 0, cast_at: "yesterday" },
    ]) {
      expect(reasonOf(line(wrong))).toBe("bad-shape");
    }
  });

  it("refuses fields that disagree", () => {
    for (const wrong of [{}, { choice: 0, ranking: [["x"]] }, { choice: 3 }])
      expect(reasonOf(line({ ...base, ...wrong }))).toBe("contradiction");
  });

  it("answers a vote or a VoteError, whatever the bytes", () => {
    const isAnswered = (bytes: Uint8Array): boolean => /^[a-z-]+$/.test(reasonOf(bytes));
    expect(() => fc.assert(fc.property(fc.uint8Array(), isAnswered))).not.toThrow();
    expect(() => fc.assert(fc.property(fc.json(), (text) => isAnswered(line(text))))).not.toThrow();
  });
});
