import * as fc from "fast-check";
import { expect, it } from "vitest";
import { splitRanges } from "../../../../src/stages/export/rows/split-files.ts";

const ids = fc.uniqueArray(fc.stringMatching(/^d_[0-9a-f]{1,8}$/), { minLength: 1, maxLength: 80 });

it("puts every row into the file that its place in the order belongs to, the front first", () => {
  fc.assert(
    fc.property(
      ids,
      fc.nat(5),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 100_000_000 }),
      (given, fronts, files, allRows) => {
        const front = given.slice(0, fronts).toSorted();
        const sorted = given.toSorted();
        const { sizes, ranges, placeOf } = splitRanges(sorted, { rows: given.length, allRows, front, files });
        const inOrder = given.map((id) => ({ id, ...placeOf(id) })).toSorted((a, b) => a.range - b.range || (a.key < b.key ? -1 : 1));
        expect(inOrder.map(({ id }) => id)).toEqual([...front, ...sorted.filter((id) => !front.includes(id))]);
        const bySize = sizes.map((_, file) => inOrder.filter(({ range }) => ranges[range]?.file === file).length);
        expect(bySize).toEqual(sizes);
      },
    ),
  );
});

it("keeps ranges small, and their number limited", () => {
  const many = Array.from({ length: 9_000 }, (_, index) => `d_${String(index).padStart(5, "0")}`);
  const options = { rows: many.length, front: [], files: 2 } as const;
  expect(splitRanges(many, { ...options, allRows: 9_000 }).ranges.map(({ file }) => file)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  expect(splitRanges(many, { ...options, allRows: 100_000_000 }).ranges).toHaveLength(2);
});
