import type { Config, PairsPolicy } from "../../../config/schema.ts";
import type { CombinedJudge } from "../../../config/judge-roles.ts";

/** All that linking knows of one prompt under one criterion: final rows, nothing that a night leaves behind. */
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
  /** `pruned`: it was stored, still counts in what was said about its prompt, and can be in no row. */
  readonly state: "stored" | "rejected" | "excluded" | "pruned";
  readonly variant: string;
  /** Of the stored file; null where it was never stored. */
  readonly sha256: string | null;
  /** Null where the image could not be decoded. */
  readonly look: Look | null;
  /** Flags of people take it out, under every criterion: a flag is about the image. */
  readonly flagged: boolean;
  /** Flags of people bar it from being chosen. */
  readonly flawed: boolean;
  /** By judge name, of the judge's configured version; null: it could not tell; absent: not judged. */
  readonly scores: ReadonlyMap<string, number | null>;
}

/** What the filters need of an inspection. */
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
   * Best first; images of one inner array are tied. Shown images that are in none come after all others, in no order among
   * themselves: a vote for the best of four says nothing of the other three.
   */
  readonly ranking: readonly (readonly string[])[];
}

/** How several judges become one source. */
export interface Combination {
  readonly method: Config["annotate"]["combine"]["method"];
  /** By name: a sum of floating-point numbers depends on its order. */
  readonly judges: readonly CombinedJudge[];
}

/** How a pair set links. */
export interface LinkRules {
  readonly policy: PairsPolicy;
  readonly filters: Config["annotate"]["filters"];
  /** `policy.from` without the judges that may not link here (technical ones beside others, all under another criterion than the first), in order. */
  readonly sources: readonly string[];
  /** What the source `combined` is made of. */
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
  /** Share of these votes that put the chosen above every rejected image they showed, 0…1; null where there are none. */
  readonly agreement: number | null;
  /** Votes that showed the chosen and a rejected image; 0 for judges, and where the ranking follows from other pairs only. */
  readonly nVotes: number;
  /** Images that were left after the filters. */
  readonly nCandidates: number;
}

export interface ScoredImage {
  readonly imageId: string;
  readonly score: number;
}

/** Why an image was left out before pairing. */
export const IMAGE_DROPS = [
  "rejected", // by harvest: never stored
  "excluded", // by the user
  "undecodable",
  "blank", // luma hardly varies: a safety checker's black image, NaN latents
  "flagged", // by people, it or a candidate with the same pixels
  "nsfw", // the judge of annotate.filters.nsfw says so
  "nsfw-unscored", // that judge says nothing about it, which is no proof that it is safe
  "same-file", // another candidate is the same file
  "same-pixels", // another candidate has the same pixels under other metadata
  "wrong-size", // most candidates have another size
  "unscored", // the deciding source says nothing about it
] as const;

/** Why two images did not become a pair, or a pair no row; in the order in which they are looked at. */
export const PAIR_DROPS = [
  "across", // `across` wants it the other way round
  "same-pixels",
  "near-duplicate",
  "flagged", // people flagged the better one, which bars it from being chosen
  "tie",
  "below-margin",
  "uncompared", // by people, neither directly nor through others
  "both-bad", // at least half of the votes on it say so
  "min-agreement",
  "max-per-prompt",
] as const;

/** Why a prompt has no row, from the first hurdle to the last: the one that its best pair failed at. */
export const PROMPT_DROPS = ["too-few-candidates", "no-verdict", "min-votes", ...PAIR_DROPS] as const;

export type PromptDrop = (typeof PROMPT_DROPS)[number];
export type ImageDrop = (typeof IMAGE_DROPS)[number];
export type PairDrop = (typeof PAIR_DROPS)[number];

export type Drop =
  | { readonly unit: "image"; readonly reason: ImageDrop; readonly count: number }
  | { readonly unit: "pair"; readonly reason: PairDrop; readonly count: number }
  | { readonly unit: "prompt"; readonly reason: PromptDrop; readonly count: number };
