import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Answer } from "../../../src/page/api.ts";
import { AnswerError, readAnswer, readFlags } from "../../../src/page/server/read-answer.ts";

const slots = new Map([
  ["s1", "i_c"],
  ["s2", "i_a"],
  ["s3", "i_b"],
]);

describe("readAnswer()", () => {
  it("translates slots into images, in the form of imported votes", () => {
    const read = (answer: Answer, task: "best" | "best-worst" | "rank" = "best") => readAnswer(answer, { slots, task });
    expect(read({ kind: "best", best: "s2" })).toEqual({ kind: "choice", ranking: [["i_a"]] });
    expect(read({ kind: "tie" })).toEqual({ kind: "tie", ranking: [["i_c", "i_a", "i_b"]] });
    expect(read({ kind: "both-bad" })).toEqual({ kind: "both_bad", ranking: [] });
    expect(read({ kind: "skip" })).toEqual({ kind: "skip", ranking: [] });
    expect(read({ kind: "best-worst", best: "s2", worst: "s1" }, "best-worst")).toEqual({
      kind: "choice",
      ranking: [["i_a"], ["i_b"], ["i_c"]],
    });
    expect(read({ kind: "ranking", ranking: [["s3"], ["s1", "s2"]] }, "rank")).toEqual({
      kind: "choice",
      ranking: [["i_b"], ["i_c", "i_a"]],
    });
    expect(read({ kind: "ranking", ranking: [["s3", "s1", "s2"]] }, "rank").kind).toBe("tie");
  });

  it.each<readonly [string, Answer, "best" | "best-worst" | "rank"]>([
    ["a slot that the task does not have", { kind: "best", best: "s9" }, "best"],
    ["a worst where nobody asked for it", { kind: "best-worst", best: "s1", worst: "s2" }, "best"],
    ["one that is best and worst", { kind: "best-worst", best: "s1", worst: "s1" }, "best-worst"],
    ["a ranking where nobody asked for it", { kind: "ranking", ranking: [["s1"], ["s2"], ["s3"]] }, "best"],
    ["an image ranked twice", { kind: "ranking", ranking: [["s1"], ["s1"], ["s3"]] }, "rank"],
    ["an image left out", { kind: "ranking", ranking: [["s1"], ["s2"]] }, "rank"],
  ])("refuses %s", (_what, answer, task) => {
    expect(() => readAnswer(answer, { slots, task })).toThrow(AnswerError);
  });

  it("refuses a worst image of two", () => {
    const two = new Map([...slots].slice(0, 2));
    expect(() => readAnswer({ kind: "best-worst", best: "s1", worst: "s2" }, { slots: two, task: "best-worst" })).toThrow(
      "answer of kind best",
    );
  });

  it("accepts every complete ranking, and loses no image of it", () => {
    const order = fc.shuffledSubarray([...slots.keys()], { minLength: 3 });
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 2 }), (names, cut) => {
        const { ranking } = readAnswer({ kind: "ranking", ranking: [names.slice(0, cut), names.slice(cut)] }, { slots, task: "rank" });
        expect(ranking.flat()).toEqual(names.map((name) => slots.get(name)));
      }),
    );
  });
});

describe("readFlags()", () => {
  it("sorts images, keeps each flag once, and leaves out images without flags", () => {
    expect(readFlags({ s1: ["text", "nsfw", "nsfw"], s2: ["corrupt"], s3: [] }, slots)).toEqual({
      i_a: ["corrupt"],
      i_c: ["nsfw", "text"],
    });
    expect(Object.keys(readFlags({ s1: ["text"], s2: ["text"] }, slots))).toEqual(["i_a", "i_c"]);
  });

  it("refuses a slot that is not part of the task", () => {
    expect(() => readFlags({ s9: ["nsfw"] }, slots)).toThrow(AnswerError);
  });
});
