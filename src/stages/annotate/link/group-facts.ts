import type { Config, PairsPolicy } from "../../../config/schema.ts";
import type { CombinedJudge } from "../../../config/judge-roles.ts";

/** All that linking knows about one prompt under one criterion. */
export interface GroupFacts {
  readonly promptKey: string;
  readonly criterion: string;
  /** In image_id order. */
  readonly images: readonly CandidateImage[];
  /** Votes under this criterion, in vote_id order. */
  readonly votes: readonly Vote[];
}

export interface CandidateImage {
  readonly imageId: string;
  /** `pruned`: it was stored and removed. It still counts in votes and rankings, but can be in no row. */
  readonly state: "stored" | "rejected" | "excluded" | "pruned";
  readonly variant: string;
  /** SHA-256 of the stored file. Null if it was never stored. */
  readonly sha256: string | null;
  /** Null if the image could not be decoded. */
  readonly look: Look | null;
  /** People's flags take it out, under every criterion. */
  readonly flagged: boolean;
  /** People's flags bar it from being chosen. */
  readonly flawed: boolean;
  /** Scores by judge name, of the judge's configured version. Null if the judge could not tell, absent if it has not judged. */
  readonly scores: ReadonlyMap<string, number | null>;
}

/** The part of an inspection that filters need. */
export interface Look {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly pixelSha256: string;
  /** 64 bits, 16 hex digits. */
  readonly perceptualHash: string;
  readonly lumaStd: number;
}

export interface Vote {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** Images shown. */
  readonly shown: readonly string[];
  /**
   * Best first. Images of one inner array are tied. Shown images that are in no array come last, without an order among themselves: a
   * vote for the best of four says nothing about the other three.
   */
  readonly ranking: readonly (readonly string[])[];
}

/** How several judges are combined to one source. */
export interface Combination {
  readonly method: Config["annotate"]["combine"]["method"];
  /** Ordered by name, because a sum of floating-point numbers depends on the order. */
  readonly judges: readonly CombinedJudge[];
}

/** How a pair set links. */
export interface LinkRules {
  readonly policy: PairsPolicy;
  readonly filters: Config["annotate"]["filters"];
  /** `policy.from` without the judges that may not link: technical ones beside others, and all judges under another criterion than the first. */
  readonly sources: readonly string[];
  /** The judges of the source `combined`. */
  readonly combination: Combination;
}

/** One training row. */
export interface Link {
  readonly rowId: string;
  readonly chosen: ScoredImage;
  /** Never empty, best first. */
  readonly rejected: readonly ScoredImage[];
  /** `people`, `judge:<name>` or `combined`. */
  readonly source: string;
  /** chosen.score − rejected[0].score, > 0. */
  readonly margin: number;
  /** Share of the `nVotes` votes that prefer the chosen image to every rejected image they showed, 0…1. Null if there are no votes. */
  readonly agreement: number | null;
  /** Votes that showed the chosen and a rejected image. 0 for judges, and if the ranking follows from other pairs only. */
  readonly nVotes: number;
  /** Number of images that the filters left. */
  readonly nCandidates: number;
}

export interface ScoredImage {
  readonly imageId: string;
  readonly score: number;
}

/** Reasons why an image is left out before pairing. */
export const IMAGE_DROPS = [
  "rejected", // by harvest: never stored
  "excluded", // by the user
  "undecodable",
  "blank", // luma hardly varies: a safety checker's black image, NaN latents
  "flagged", // by people, itself or a candidate with the same pixels
  "nsfw", // the judge of annotate.filters.nsfw says so
  "nsfw-unscored", // that judge has no score of it, so it may be unsafe
  "same-file", // another candidate is the same file
  "same-pixels", // another candidate has the same pixels under other metadata
  "wrong-size", // another size is more common
  "unscored", // the deciding source has no score of it
] as const;

/** Reasons why two images are no pair, or a pair is no row, in the order in which they are checked. */
export const PAIR_DROPS = [
  "across", // `across` allows only the other direction
  "same-pixels",
  "near-duplicate",
  "flagged", // people flagged the better one, which bars it from being chosen
  "tie",
  "below-margin",
  "uncompared", // no votes compare the two, directly or through others
  "both-bad", // at least half of the votes on the pair say so
  "min-agreement",
  "max-per-prompt",
] as const;

/** Reasons why a prompt has no row, in the order in which they are checked. The last check that its best pair reached counts. */
export const PROMPT_DROPS = ["too-few-candidates", "no-verdict", "min-votes", ...PAIR_DROPS] as const;

export type PromptDrop = (typeof PROMPT_DROPS)[number];
export type ImageDrop = (typeof IMAGE_DROPS)[number];
export type PairDrop = (typeof PAIR_DROPS)[number];

export type Drop =
  | { readonly unit: "image"; readonly reason: ImageDrop; readonly count: number }
  | { readonly unit: "pair"; readonly reason: PairDrop; readonly count: number }
  | { readonly unit: "prompt"; readonly reason: PromptDrop; readonly count: number };
