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
    // A line said in a first window and come again in the second, which a repeat of another line opened: no count holds the first time.
    const heldOver = [0, 0, 0, 30_000, 0].map((afterMs, at) => ({ line: lost([1, 2, 2, 1, 2][at] ?? 0), afterMs }));
    assert(
      property(array(step, { maxLength: 200 }), (steps) => {
        expect(countTold(steps)).toBe(steps.length);
      }),
      { examples: [[heldOver]] },
    );
  });
});

/** How many lines a reader knows of: those said at once, and those counted later, which may count a line that was said in the same window. */
function countTold(steps: readonly { readonly line: string; readonly afterMs: number }[]): number {
  let nowMs = 0;
  let told = 0;
  const fold = createRepeatFold<string>(() => nowMs);
  const saidAtMs = new Map<string, number>();
  const countDue = (all: boolean): void => {
    for (const { text, note, count, inMs } of fold.due({ all })) {
      const wasSaid = note.includes("times") && (saidAtMs.get(text) ?? -Infinity) >= nowMs - inMs;
      told += count - (wasSaid ? 1 : 0);
      saidAtMs.delete(text);
    }
  };
  for (const { line, afterMs } of steps) {
    nowMs += afterMs;
    countDue(false);
    if (!fold.take(line, line)) continue;
    told++;
    saidAtMs.set(line, nowMs);
  }
  countDue(true);
  return told;
}
