import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readHead } from "../../../src/votes/formats/read-head.ts";
import { VOTE_FORMATS } from "../../../src/votes/formats/registry.ts";
import { VoteError } from "../../../src/votes/raw-vote.ts";
import type { ReadVotesOptions, VoteCandidate, VoteFormat } from "../../../src/votes/vote-format.ts";
import { importInto, voteDataset, votesOf } from "../../contracts/vote-format.ts";
import { imageId, openTestDataset } from "../../helpers/annotated-dataset.ts";

/** Anything but a VoteError passes as it is: a bug. */
function summarizeOutcome(read: VoteCandidate["read"]): string {
  try {
    const vote = read();
    return typeof vote === "string" ? vote : "vote";
  } catch (error) {
    if (error instanceof VoteError) return error.reason;
    throw error;
  }
}

const OPTIONS: ReadVotesOptions = { source: "s", columns: {}, criteria: ["overall"], signal: undefined };
const JSON_FORMATS = VOTE_FORMATS.filter(({ name }) => name !== "pick-a-pic");
/** What each format's reader looks for, so that most records get past the first look. */
const KEYS =
  "data annotations drafts was_cancelled result value type from_name to_name selected choices ranker completed_by annotation_id outcome id \
fields responses best best.responses best.responses.users best.responses.status rank \
image_1 image_2 vote_id annotator images choice ranking flags".split(" ");
const WORDS = ["left", "pairwise", "ranker", "choices", "tie", "submitted", "image_1", imageId("a"), imageId("b")];

const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, 1, 12345678901234567890n.toString(), ...WORDS),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie("json"), { maxKeys: 6 }),
  ),
}));

async function outcomesIn(format: VoteFormat, file: string): Promise<string[]> {
  const outcomes: string[] = [];
  for await (const { read } of format.candidates(file, await readHead(file), OPTIONS)) outcomes.push(summarizeOutcome(read));
  return outcomes;
}

describe.each(JSON_FORMATS)("$name", (format: VoteFormat) => {
  it("takes any JSON for a vote, for none, or for wrong", async () => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "any.jsonl");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.constantFrom(...KEYS), json, { maxKeys: 8 }), { minLength: 1, maxLength: 8 }),
        async (records) => {
          await writeFile(file, records.map((record) => JSON.stringify(record)).join("\n"));
          for (const outcome of await outcomesIn(format, file))
            expect(outcome).toMatch(/^(?:vote|draft|no-answer|bad-shape|contradiction)$/);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("takes what is nested 100,000 deep, too", async () => {
    await using dataset = await voteDataset();
    const file = join(dataset.context.config.dir, "deep.jsonl");
    const lists = "[".repeat(100_000) + "]".repeat(100_000);
    const objects = '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000);
    const keys = ["vote_id", "images", "data", "annotations", "fields", "responses", "annotation_id", "annotator", "outcome"];
    const lines = keys.flatMap((key) =>
      [lists, objects].map((deep) => `{"vote_id":"v","data":{},"annotations":[],"fields":{},"responses":{},"${key}":${deep}}`),
    );
    await writeFile(file, lines.join("\n"));
    expect((await outcomesIn(format, file)).length).toBeGreaterThanOrEqual(lines.length);
  });
});

it("the order of a file's lines does not matter", async () => {
  const [a, b, c] = [imageId("a"), imageId("b"), imageId("c")];
  const vote = fc.record({
    vote_id: fc.constantFrom("v1", "v2", "v3", "v4"),
    annotator: fc.constantFrom("ann", "bo"),
    images: fc.constantFrom([a, b], [b, c], [a, b, c], [a, imageId("zz")]),
    choice: fc.constantFrom<(string | number)[]>(0, 1, "tie", "both_bad", "skip", 7),
  });
  const shuffled = fc
    .uniqueArray(vote, { selector: ({ vote_id: id }) => id, maxLength: 4 })
    .chain((votes) => fc.tuple(fc.constant(votes), fc.shuffledSubarray(votes, { minLength: votes.length })));
  await fc.assert(
    fc.asyncProperty(shuffled, async (orders) => {
      const [first, second] = await Promise.all(
        orders.map(async (votes) => {
          await using dataset = await openTestDataset({ criteria: ["overall"] });
          for (const name of ["a", "b", "c"]) dataset.addImage(imageId(name), { promptKey: "p_1" });
          const file = join(dataset.context.config.dir, "votes.jsonl");
          await writeFile(file, votes.map((one) => `${JSON.stringify(one)}\n`).join(""));
          const { imported, refused } = await importInto(dataset, file, { format: "jsonl", skipBad: true });
          return { imported, refused, votes: votesOf(dataset) };
        }),
      );
      expect(second).toEqual(first);
    }),
    { numRuns: 15 },
  );
});
