import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mapAhead } from "../../../../src/stages/export/images/read-ahead.ts";
import { asyncRows } from "../../../contracts/rows.ts";

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe("mapAhead()", () => {
  test("gives results in the order of the items, and never more ahead than it may", async () => {
    const item = fc.record({ weight: fc.nat(10), turns: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 20 }),
        async (items, itemsMax, weightMax) => {
          let [running, weight, mostItems, heaviest] = [0, 0, 0, 0];
          const results = mapAhead(
            asyncRows(items.entries().toArray()),
            { items: itemsMax, weight: weightMax, weightOf: ([, own]) => own.weight },
            async ([index, own]) => {
              running++;
              weight += own.weight;
              mostItems = Math.max(mostItems, running);
              if (running > 1) heaviest = Math.max(heaviest, weight);
              await turns(own.turns);
              running--;
              weight -= own.weight;
              return index;
            },
          );
          expect(await Array.fromAsync(results)).toEqual(items.map((_, index) => index));
          expect(mostItems).toBeLessThanOrEqual(itemsMax);
          expect(heaviest).toBeLessThanOrEqual(weightMax);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("throws what the work throws, in its turn, and waits for what was begun", async () => {
    const failure = new Error("the second");
    let ended = 0;
    const results = mapAhead(asyncRows([1, 2, 3]), { items: 3, weight: 9, weightOf: () => 1 }, async (item) => {
      await turns(4 - item);
      ended++;
      if (item === 2) throw failure;
      return item;
    });
    expect((await results.next()).value).toBe(1);
    await expect(results.next()).rejects.toBe(failure);
    expect(ended).toBe(3);
  });

  test("does several at a time", async () => {
    let [running, most] = [0, 0];
    const results = mapAhead(asyncRows([1, 2, 3, 4]), { items: 4, weight: 9, weightOf: () => 1 }, async (item) => {
      most = Math.max(most, ++running);
      await turns(3);
      running--;
      return item;
    });
    expect(await Array.fromAsync(results)).toEqual([1, 2, 3, 4]);
    expect(most).toBe(4);
  });
});
