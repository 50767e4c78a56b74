import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { verifyExport } from "../../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { openFixture, type Fixture, type FixtureRow } from "../fixture-database.ts";

/** As databases hold them: also what is no JSON number, best first, unknown last. */
const score = fc.oneof(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ noNaN: true }), fc.constantFrom(0, -0, 1e-7, null));
const scores = fc
  .array(score, { minLength: 2, maxLength: 4 })
  .map((values) => values.toSorted((a, b) => (b ?? -Infinity) - (a ?? -Infinity)));
const text = fc.string({ unit: "binary", maxLength: 12 });
const file = fc.integer({ min: 0, max: 30 });

const row: fc.Arbitrary<FixtureRow> = fc
  .record({
    prompt: fc.oneof(
      fc.integer({ min: 0, max: 12 }).map((number) => `a picture of ${number}`),
      text,
    ),
    sent: fc.option(text, { nil: undefined }),
    negative: text,
    meta: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))),
    sourceId: fc.option(text, { nil: undefined }),
    bound: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.integer(), { maxKeys: 2 }),
    references: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.constant("ab"), { maxKeys: 1 }),
    criterion: fc.constantFrom("overall", "beauty"),
    source: fc.constantFrom("people", "judge:quality", "combined"),
    scores,
    agreement: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    nVotes: fc.integer({ min: 0, max: 9 }),
    files: fc.uniqueArray(file, { minLength: 4, maxLength: 4 }),
    seed: fc.integer({ min: 0, max: 1e6 }),
    state: fc.constantFrom("stored", "stored", "stored", "excluded"),
  })
  .map(({ files, seed, sent, sourceId, ...rest }) => ({
    ...rest,
    ...(sent === undefined ? {} : { sent }),
    ...(sourceId === undefined ? {} : { sourceId }),
    contents: files.map((number) => (number < 10 ? `shared ${number}` : `${seed} ${number}`)),
    seeds: files.map((_, index) => String(10 * seed + index)),
  }));

const section = fc.record({
  fields: fc.constantFrom("full", "minimal"),
  seed_format: fc.constantFrom("number", "string"),
  shards: fc.constantFrom("auto", 2, 5),
  gzip: fc.boolean(),
  uri_base: fc.constantFrom(null, "", "../images", 'https://example.org/a,"b"'),
  splits: fc.constantFrom({ train: 1 }, { train: 1, validation: 1, test: 1 }, { train: 0.5, test: 0.5 }),
});

/** Linking never makes the same choice twice. */
function addRows(fixture: Fixture, rows: readonly FixtureRow[]): void {
  for (const own of rows) {
    try {
      fixture.addRow(own);
    } catch (error) {
      if (!String(error).includes("UNIQUE")) throw error;
    }
  }
}

test("whatever rows a database holds, their export verifies, and is the same the second time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), section, async (rows, settings) => {
      await using fixture = await openFixture();
      addRows(fixture, rows);
      const { outcome, rows: count } = await fixture.export(settings);
      if (outcome === "empty") return;
      const problems: string[] = [];
      const store = fileStore(pathToFileURL(fixture.exportDir).href);
      const { signal } = new AbortController();
      const report = ({ path, line, text: problem }: { path: string; line: number | null; text: string }): void =>
        void problems.push(`${path}:${line} ${problem}`);
      const verified = await verifyExport("v1", { store, signal, report });
      expect(problems).toEqual([]);
      expect(verified.rows).toBe(count);
      expect((await fixture.export(settings)).outcome).toBe("unchanged");
    }),
    { numRuns: 25 },
  );
});
