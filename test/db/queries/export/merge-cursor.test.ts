import * as fc from "fast-check";
import { expect, it } from "vitest";
import { alignRows } from "../../../../src/db/queries/export/merge-cursor.ts";

interface Entry {
  readonly key: string;
}

const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 60 });

it("finds every row of the table, whatever the order in which it is asked, and no other", () => {
  fc.assert(
    fc.property(keys, fc.array(fc.nat(80)), (given, asked) => {
      const rows = new Map(given.map((key): [string, Entry] => [key, { key }]));
      const find = alignRows(rows.values(), { keyOf: ({ key }) => key, lookUp: (key) => rows.get(key) });
      for (const index of asked) {
        const key = given[index] ?? "absent key";
        expect(find(key)).toBe(rows.get(key));
      }
    }),
  );
});

it("looks nothing up where both orders are one", () => {
  const rows = Array.from({ length: 20_000 }, (_, index): Entry => ({ key: String(index) }));
  let lookUps = 0;
  const find = alignRows(rows.values(), {
    keyOf: ({ key }) => key,
    lookUp: () => {
      lookUps++;
      return undefined;
    },
  });
  for (const row of rows) expect(find(row.key)).toBe(row);
  expect(lookUps).toBe(0);
});
