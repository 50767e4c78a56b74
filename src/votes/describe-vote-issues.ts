import type { z } from "zod";
import { isJsonArray, isJsonObject, stringifyExact, type Json } from "../lib/exact-json.ts";
import { didYouMean } from "../lib/nearest.ts";

/** Longest value shown in a message, characters. */
const SHOWN_MAX = 60;

/** What each key may be, in words; the schema in formats/jsonl-vote.ts in a reader's language. */
const EXPECTED: Readonly<Record<string, string>> = {
  vote_id: "text of 1 to 200 characters",
  annotator: "text of 1 to 200 characters",
  criterion: "the name of a criterion",
  prompt_key: "a prompt_key, p_…",
  images: "a list of 2 to 1,000 names of images",
  choice: 'an index into images from 0, a name, or "tie", "both_bad", "skip"',
  ranking: "a list of lists of names of images, best first",
  flags: "a mapping of names of images to lists of marks",
  ms: "a whole number of milliseconds from 0",
  cast_at: "a time with offset, such as 2026-03-01T21:04:05Z",
};

/** Says in plain words what is wrong with the shape of a vote: each key once. */
export function describeVoteIssues(issues: readonly z.core.$ZodIssue[], vote: Json): string {
  if (!isJsonObject(vote)) return `it is ${shown(vote)}, expected an object {"vote_id": …}`;
  const problems = issues.flatMap((issue) => {
    const [key] = issue.path;
    if (key !== undefined) return [aboutKey(String(key), vote[String(key)])];
    if (issue.code !== "unrecognized_keys") return [`the vote is not of the form that docs/votes.md describes (${issue.code})`];
    return issue.keys.map((unknown) => `${unknown} is no key${didYouMean(unknown, Object.keys(EXPECTED))}`);
  });
  return [...new Set(problems)].join("; ");
}

function aboutKey(key: string, value: Json | undefined): string {
  const expected = `expected ${EXPECTED[key] ?? "something else"}`;
  return value === undefined ? `${key} is missing, ${expected}` : `${key} is ${shown(value)}, ${expected}`;
}

function shown(value: Json): string {
  // What is nested very deep cannot be written: the stack would overflow.
  const isNested = Object.values(isJsonArray(value) || isJsonObject(value) ? value : []).some(
    (item) => typeof item === "object" && item !== null,
  );
  const text = isNested ? `a nested ${isJsonArray(value) ? "list" : "object"}` : stringifyExact(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
