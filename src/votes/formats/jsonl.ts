import type { VoteFormat } from "../vote-format.ts";
import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { parseExact, type Json, isJsonArray, isJsonObject, stringifyExact } from "../../lib/exact-json.ts";
import { type RawVote, VoteError } from "../raw-vote.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { readLines } from "./read-records.ts";

/** Our own: one vote a line (docs/votes.md). */
export const jsonlVotes: VoteFormat = {
  name: "jsonl",
  summary: "one vote a line",
  unitOf: () => "line",
  recognises: ({ keys, isArray, extension }) => !isArray && (keys.includes("vote_id") || (keys.length === 0 && extension === "jsonl")),
  async *candidates(file, _head, { signal }) {
    for await (const { number, bytes } of readLines(file, signal)) yield { position: number, record: null, read: () => readVote(bytes) };
  },
};

// One vote a line, as docs/votes.md describes it for users. Here is its shape; what it means is `readVote`.

/** An image as votes name it: image_id, a URI or path whose file is named by it, or the SHA-256 of the stored file. */
const imageName = z.string().min(1);

const voteLine = z.strictObject({
  vote_id: z.string().min(1).max(200),
  annotator: z.string().min(1).max(200),
  criterion: z.string().min(1).optional(),
  prompt_key: z.string().optional(),
  images: z.array(imageName).min(2).max(1_000),
  choice: z.union([z.int().min(0), z.string().min(1)]).optional(),
  ranking: z.array(z.array(imageName).min(1)).min(1).optional(),
  flags: z.record(imageName, z.array(z.string().min(1))).optional(),
  ms: z.int().min(0).optional(),
  cast_at: z.iso.datetime({ offset: true }).optional(),
});

/** Reads one line in UTF-8. @throws {VoteError} not-json, bad-shape or contradiction. */
export function readVote(line: Uint8Array): RawVote {
  const parsed = parseLine(line);
  const { success, data, error } = voteLine.safeParse(parsed);
  if (!success) throw new VoteError("bad-shape", describeVoteIssues(error.issues, parsed));
  return {
    voteId: data.vote_id,
    annotator: data.annotator,
    criterion: data.criterion ?? null,
    promptKey: data.prompt_key ?? null,
    shown: data.images,
    ...outcomeOf(data),
    flags: data.flags ?? {},
    durationMs: data.ms ?? null,
    castAtMs: data.cast_at === undefined ? null : Date.parse(data.cast_at),
  };
}

/** Fatal: a replaced character would change a name without a word. A byte order mark is left out. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parseLine(line: Uint8Array): Json {
  try {
    return parseExact(UTF8.decode(line));
  } catch (error) {
    throw new VoteError("not-json", `it is no JSON in UTF-8 (${messageOf(error)})`);
  }
}

type Outcome = Pick<RawVote, "kind" | "ranking">;

function outcomeOf({ choice, ranking, images }: Pick<z.output<typeof voteLine>, "choice" | "ranking" | "images">): Outcome {
  if ((choice === undefined) === (ranking === undefined)) {
    throw new VoteError(
      "contradiction",
      choice === undefined ? "neither choice nor ranking is given" : "both choice and ranking are given",
    );
  }
  if (ranking !== undefined) return { kind: ranking.length === 1 && ranking[0]?.length === images.length ? "tie" : "choice", ranking };
  if (choice === "skip" || choice === "both_bad") return { kind: choice, ranking: [] };
  if (choice === "tie") return { kind: "tie", ranking: [images] };
  if (typeof choice === "string") return { kind: "choice", ranking: [[choice]] };
  const chosen = images[choice ?? -1];
  if (chosen === undefined)
    throw new VoteError("contradiction", `choice ${choice} is beyond the ${images.length} images, which count from 0`);
  return { kind: "choice", ranking: [[chosen]] };
}

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
function describeVoteIssues(issues: readonly z.core.$ZodIssue[], vote: Json): string {
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
  // A value that is nested very deep cannot be written: the stack would overflow.
  const isNested = Object.values(isJsonArray(value) || isJsonObject(value) ? value : []).some(
    (item) => typeof item === "object" && item !== null,
  );
  const text = isNested ? `a nested ${isJsonArray(value) ? "list" : "object"}` : stringifyExact(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
