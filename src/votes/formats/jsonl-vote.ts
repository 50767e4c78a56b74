import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { parseExact, type Json } from "../../lib/exact-json.ts";
import { describeVoteIssues } from "../describe-vote-issues.ts";
import { type RawVote, VoteError } from "../raw-vote.ts";

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
