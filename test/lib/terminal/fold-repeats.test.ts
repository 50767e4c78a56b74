import { array, assert, constantFrom, property, record, integer } from "fast-check";
import { describe, expect, it } from "vitest";
import { createRepeatFold } from "../../../src/lib/terminal/fold-repeats.ts";

function open(options?: { readonly onlyEqual: boolean }) {
  let nowMs = 0;
  const fold = createRepeatFold<string>(() => nowMs, options);
  return {
    take: (text: string): boolean => fold.take(text, text),
    told: (all = false) => fold.due({ all }).map(({ text, note }) => (note === "" ? text : `${text} (${note})`)),
    pass: (ms: number): void => void (nowMs += ms),
  };
}
const DOWN = "http://1 does not answer: connection refused";
const lost = (id: number): string => `Image i_${String(id).padStart(32, "0")} of http://1 is rejected`;

describe("createRepeatFold()", () => {
  it("says a line at once, and its repeats when their time is over", () => {
    const { take, told, pass } = open();
    expect(take(DOWN)).toBe(true);
    for (let repeat = 0; repeat < 37; repeat++) expect(take(DOWN)).toBe(false);
    pass(29_000);
    expect(told()).toEqual([]);
    pass(1_000);
    expect(told()).toEqual([`${DOWN} (38 times in 30 s)`]);
  });

  it("folds lines that alternate, and a line that goes on ever more rarely", () => {
    const { take, told, pass } = open();
    const said: string[] = [];
    for (let second = 0; second < 3_600; second++) {
      for (const line of [DOWN, "http://1 is up"]) if (take(line)) said.push(line);
      pass(1_000);
      said.push(...told());
    }
    expect(said.length).toBeLessThan(26);
    expect(said.at(-1)).toMatch(/\(600 times in 600 s\)$/);
  });

  it("says a line anew that had ended", () => {
    const { take, told, pass } = open();
    expect(take(DOWN)).toBe(true);
    pass(30_000);
    expect(told()).toEqual([]);
    expect(take(DOWN)).toBe(true);
  });

  it("folds what servers do to one image after another, after the first few", () => {
    const { take, told, pass } = open();
    expect(Array.from({ length: 40 }, (_, id) => take(lost(id))).filter(Boolean)).toHaveLength(5);
    pass(30_000);
    expect(told()).toEqual([`${lost(39)} (and 34 more like it in 30 s)`]);
  });

  it("keeps lines apart that name something a person is to look at, and two servers", () => {
    const { take } = open();
    for (let id = 0; id < 40; id++) expect(take(`images/i_${String(id).padStart(32, "0")}.png is missing`)).toBe(true);
    for (let port = 8_000; port < 8_040; port++) expect(take(`http://127.0.0.1:${port} does not answer`)).toBe(true);
  });

  it("with onlyEqual folds nothing but equal lines", () => {
    const { take } = open({ onlyEqual: true });
    for (let id = 0; id < 40; id++) expect(take(lost(id))).toBe(true);
    expect(take(lost(0))).toBe(false);
  });

  it("loses no line: what is said and what is told later are as many as came", () => {
    const step = record({ line: constantFrom("a", "b", ...[1, 2, 3, 4, 5, 6, 7, 8].map(lost)), afterMs: integer({ min: 0, max: 40_000 }) });
    assert(
      property(array(step, { maxLength: 200 }), (steps) => {
        let nowMs = 0;
        const fold = createRepeatFold<string>(() => nowMs);
        let told = 0;
        const said = new Map<string, number>();
        const count = (all: boolean): void => {
          for (const { text, note, count: times } of fold.due({ all })) {
            told += times - (note.includes("times") ? (said.get(text) ?? 0) : 0);
            said.delete(text);
          }
        };
        for (const { line, afterMs } of steps) {
          nowMs += afterMs;
          count(false);
          if (fold.take(line, line)) {
            told++;
            said.set(line, 1);
          }
        }
        count(true);
        expect(told).toBe(steps.length);
      }),
    );
  });
});
