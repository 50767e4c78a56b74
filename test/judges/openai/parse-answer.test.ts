import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChoice, parseRating } from "../../../src/judges/openai/parse-answer.ts";

describe("parseRating()", () => {
  it.each([
    ['{"score": 7.5}', 7.5],
    ['{"score": "8"}', 8],
    ['```json\n{"score": 3}\n```', 3],
    ['The image is nice {really}. {"reason": "the hand", "score": 4}', 4],
    ['<think>maybe score: 2? no</think>\n\n{"score": 9}', 9],
    ["thinking without a beginning, score: 2</think>8", 8],
    ["8", 8],
    ["**7/10**", 7],
    ["6.5 / 10.", 6.5],
    ["The hands are odd.\nFinal Score: 4", 4],
    ["**Rating**: 7.5/10", 7.5],
    ["the score is 3", 3],
    ["Score: 5. So the final score: 5", 5],
  ])("reads %j as %d", (answer, rating) => {
    expect(parseRating(answer)).toBe(rating);
  });

  it.each([
    "",
    "a lovely image",
    "Alignment score: 8. Quality score: 3",
    '{"score": null}',
    '{"score": "high"}',
    '{"score": true}',
    '{"score": NaN}',
    '{"score": 1e999}',
    '{"score": [7]}',
    "I saw 3 foxes",
    "<think>score: 9",
  ])("finds none in %j", (answer) => {
    expect(parseRating(answer)).toBeNull();
  });

  it("is finite or null for any answer", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"score": ${json}}`),
        ),
        (answer) => {
          const rating = parseRating(answer);
          expect(rating === null || Number.isFinite(rating)).toBe(true);
        },
      ),
    );
  });

  it("reads every number in a JSON answer", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (score) => {
        expect(parseRating(JSON.stringify({ score }))).toBe(score || 0);
      }),
    );
  });
});

describe("parseChoice()", () => {
  it.each([
    ['{"better": "A"}', "A"],
    ['{"better": "b"}', "B"],
    ['{"winner": "tie"}', "tie"],
    ['{"better": "Image B"}', "B"],
    ["A", "A"],
    ["**Image B**.", "B"],
    ["Tie.", "tie"],
    ["Winner: A", "A"],
    ["Both have flaws. **Answer**: B", "B"],
    ["The better image is B", "B"],
  ])("reads %j as %s", (answer, choice) => {
    expect(parseChoice(answer)).toBe(choice);
  });

  it.each([
    "",
    "both",
    '{"better": "C"}',
    '{"better": null}',
    "Better: A. But the winner: B",
    "a better one is hard to find",
    "I like A and B",
  ])("finds none in %j", (answer) => {
    expect(parseChoice(answer)).toBeNull();
  });

  it("is a choice or null for any answer", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (answer) => {
        expect([null, "A", "B", "tie"]).toContain(parseChoice(answer));
      }),
    );
  });
});
