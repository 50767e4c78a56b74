import type { VoteFormat } from "../vote-format.ts";
import { readVote } from "./jsonl-vote.ts";
import { readLines } from "./read-lines.ts";

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
