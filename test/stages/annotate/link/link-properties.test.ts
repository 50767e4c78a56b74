import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Judge } from "../../../../src/judges/judge.ts";
import { link } from "../../../../src/stages/annotate/link/link.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";
import { writtenLinks } from "./written-links.ts";

// Linking again after some facts or rules changed gives what linking all of it for the first time gives, and writes nothing but that.

const PROMPTS = 4;
const IMAGES = 3;
const judge = (name: string): Judge => ({ name, version: "1", technical: false, score: () => Promise.resolve([]) });
const JUDGES = [judge("j"), judge("k")];

const idOf = (prompt: number, image: number): string => imageId(`${prompt}${"abc"[image]}`);
const prompt = fc.nat(PROMPTS - 1);
const image = fc.nat(IMAGES - 1);
const score = fc.constantFrom(0, 0.25, 0.5, 1, null);

type Change = (dataset: TestDataset) => void;

const anyScore: fc.Arbitrary<Change> = fc
  .tuple(prompt, image, fc.constantFrom("j", "k"), score)
  .map(([p, i, name, value]) => (dataset: TestDataset): void => {
    dataset.db.client.prepare("update scores set score = ? where image_id = ? and judge = ?").run(value, idOf(p, i), name);
  });
const anyVote: fc.Arbitrary<Change> = fc
  .tuple(prompt, image, image, fc.boolean(), fc.constantFrom("overall", "style"), fc.nat())
  .map(([p, winner, other, isFlagged, criterion, voteId]) => (dataset: TestDataset): void => {
    if (winner === other || dataset.db.client.prepare("select 1 from votes where vote_id = ?").get(`v${voteId}`) !== undefined) return;
    const shown = [idOf(p, winner), idOf(p, other)];
    const flags = isFlagged ? { [shown[1]!]: ["nsfw"] } : {};
    dataset.addVote(`v${voteId}`, { promptKey: `p_${p}`, shown, ranking: [[shown[0]!]], criterion, flags });
  });

/** Anything that may happen to a dataset between two linkings. */
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  anyScore,
  anyVote,
  fc.tuple(prompt, image).map(([p, i]) => (dataset: TestDataset): void => {
    const flip = "update images set state = iif(state = 'stored', 'excluded', 'stored'), reason = 'by hand' where image_id = ?";
    dataset.db.client.prepare(flip).run(idOf(p, i));
  }),
  prompt.map((p) => (dataset: TestDataset): void => {
    dataset.db.client.prepare("update prompts set active = 1 - active where prompt_key = ?").run(`p_${p}`);
  }),
  fc.tuple(prompt, image).map(([p, i]) => (dataset: TestDataset): void => {
    const flip = "update jobs set state = iif(state = 'done', 'planned', 'done') where job = ?";
    dataset.db.client.prepare(flip).run(`job-${idOf(p, i)}`);
  }),
);

const policy = fc.record({
  from: fc.constantFrom(["people", "j"], ["j"], ["combined"], ["people"]),
  policy: fc.constantFrom("best-rest", "best-worst", "all", "adjacent"),
  max_per_prompt: fc.constantFrom(1, 9),
  min_margin: fc.constantFrom(0, 0.3),
});
const anyRules = fc.record({
  judges: fc.constant([]),
  criteria: fc.constantFrom(["overall"], ["overall", "style"]),
  combine: fc.record({ method: fc.constant("weights"), weights: fc.constantFrom({ j: 1, k: 1 }, { j: 1, k: 3 }) }),
  filters: fc.record({ near_duplicate: fc.constant(0), flagged: fc.boolean() }),
  pairs: fc.oneof(fc.record({ main: policy }), fc.record({ main: policy, strict: policy })),
});

async function filled(): Promise<TestDataset> {
  const dataset = await openTestDataset();
  for (let p = 0; p < PROMPTS; p++) {
    for (let i = 0; i < IMAGES; i++) {
      dataset.addImage(idOf(p, i), { promptKey: `p_${p}` });
      dataset.addInspection(idOf(p, i));
      for (const { name } of JUDGES) dataset.addScore(idOf(p, i), (i + p) % IMAGES, { judge: name });
    }
  }
  return dataset;
}

const written = ({ db }: TestDataset) => writtenLinks(db);
/** Everything that linking wrote, with the place where each row was written: of a row that was written anew that is another one. */
const places = ({ db }: TestDataset, promptKey: string) =>
  db.client.prepare("select * from preferences where prompt_key = ? order by place").raw().all(promptKey);
const wholeOf = ({ db }: TestDataset, promptKey: string) => writtenLinks(db, promptKey);

it("gives the same rows as a first linking, whatever changed in between, and leaves the rest alone", { timeout: 120_000 }, async () => {
  await using dataset = await filled();
  let relinked = 0;
  let left = 0;
  const step = fc.tuple(fc.array(anyChange, { maxLength: 3 }), anyRules);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      for (const [changes, rules] of steps) {
        for (const change of changes) change(dataset);
        const keys = Array.from({ length: PROMPTS }, (_, p) => `p_${p}`);
        const before = keys.map((key) => ({ whole: wholeOf(dataset, key), at: places(dataset, key) }));
        const result = await link({ ...dataset.with(rules), judges: JUDGES });
        for (const [index, key] of keys.entries()) {
          const isSame = JSON.stringify(wholeOf(dataset, key)) === JSON.stringify(before[index]!.whole);
          const isLeftAlone = JSON.stringify(places(dataset, key)) === JSON.stringify(before[index]!.at);
          expect(isSame && !isLeftAlone).toBe(false);
          if (isSame) left++;
          else relinked++;
        }
        const incremental = written(dataset);
        // Votes and scores are linking's to read alone; without what it wrote, it has to write the same.
        for (const table of ["preferences", "drops"]) dataset.db.client.exec(`delete from ${table}`);
        const first = await link({ ...dataset.with(rules), judges: JUDGES });
        expect(written(dataset)).toEqual(incremental);
        expect({ ...first, changed: 0 }).toEqual({ ...result, changed: 0 });
      }
    }),
    { numRuns: 60 },
  );
  expect(Math.min(relinked, left)).toBeGreaterThan(20);
});

/** Each (chosen, rejected) of a set that judges decided, whatever the criterion. */
const judgedPairs = ({ db }: TestDataset) =>
  db.client
    .prepare(
      "select pair_set || ' ' || chosen || ' ' || image_id from preferences join preference_rejected using (place) where source <> 'people'",
    )
    .pluck()
    .all();

it("makes each pair by judges once, whatever the criteria, and pairs by people under each", { timeout: 120_000 }, async () => {
  let judged = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(anyScore, anyVote), { maxLength: 6 }), anyRules, async (changes, rules) => {
      await using dataset = await filled();
      for (const change of changes) change(dataset);
      const criteria = ["overall", "style", "text"];
      await link({ ...dataset.with({ ...rules, criteria }), judges: JUDGES });
      const pairs = judgedPairs(dataset);
      judged += pairs.length;
      expect(pairs).toEqual([...new Set(pairs)]);
      // Each criterion has the rows by people that it would have as the only one.
      const byPeople = ({ db }: TestDataset) =>
        db.client.prepare("select pair_set, row_id from preferences where source = 'people' and criterion = ? order by 1, 2").raw();
      const together = criteria.map((criterion) => byPeople(dataset).all(criterion));
      for (const [index, criterion] of criteria.entries()) {
        await link({ ...dataset.with({ ...rules, criteria: [criterion] }), judges: JUDGES });
        expect(together[index]).toEqual(byPeople(dataset).all(criterion));
      }
    }),
    { numRuns: 40 },
  );
  expect(judged).toBeGreaterThan(20);
});
