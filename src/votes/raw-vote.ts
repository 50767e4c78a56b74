/** A vote as its file has it, image names not yet looked up. */
export interface RawVote {
  readonly voteId: string;
  readonly annotator: string;
  readonly criterion: string | null;
  readonly promptKey: string | null;
  /** As shown. */
  readonly shown: readonly string[];
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** Best first; tied images in one inner array; empty for `both_bad` and `skip`. */
  readonly ranking: readonly (readonly string[])[];
  readonly flags: Readonly<Record<string, readonly string[]>>;
  readonly durationMs: number | null;
  readonly castAtMs: number | null;
}

/** Every reason for which a line is no vote that can be imported. */
export const VOTE_PROBLEMS = [
  "not-json",
  "bad-shape", // a key is missing, unknown or of the wrong type
  "contradiction", // its own fields disagree
  "no-person", // a row of an export that judges decided
  "unknown-criterion",
  "unknown-image",
  "ambiguous-image", // a file hash that several images have
  "mixed-prompts",
  "wrong-prompt", // the images belong to another prompt than prompt_key says
  "other-vote", // its vote_id belongs to a vote with other content
] as const;

export type VoteProblem = (typeof VOTE_PROBLEMS)[number];

/** Why a line was refused; the caller adds the line number. */
export class VoteError extends Error {
  override readonly name = "VoteError";
  readonly reason: VoteProblem;

  constructor(reason: VoteProblem, message: string) {
    super(message);
    this.reason = reason;
  }
}
