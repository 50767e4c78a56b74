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

/** The reason why a line was refused. The caller adds the line number. */
export class VoteError extends Error {
  override readonly name = "VoteError";
  readonly reason: VoteProblem;

  constructor(reason: VoteProblem, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * An image_id at the end of a URI or path. Every store, mount and `uri_base` keeps the file's name; tools put a prefix of their own before
 * it.
 */
const IMAGE_ID = /(?:^|[^0-9A-Za-z])(i_[0-9a-f]{32})(?:\.[A-Za-z0-9]+)?$/;
/** The path at which Label Studio serves files of its own machine. Source: labelstud.io/guide/storage, "Local storage". */
const LOCAL_FILE = /\/local-files\/?\?(?:[^#]*&)?d=([^&#]+)/;

/** The image_id that a name ends in; undefined where it is none. */
export function imageIdIn(name: string): string | undefined {
  return IMAGE_ID.exec(unescaped(name))?.[1];
}

/** A name without what a server adds to it. */
export function bareName(name: string): string {
  return LOCAL_FILE.exec(name)?.[1] ?? name.replace(/[?#].*$/, "");
}

/** Returns the name with slashes in place of %2F and %5C. */
function unescaped(name: string): string {
  return name.replaceAll(/%2f|%5c/gi, "/");
}
