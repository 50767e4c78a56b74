import { wilsonInterval, type Interval } from "../../../lib/wilson-interval.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

/** The opinion of people on the pairs of one group that some vote showed together. */
export interface PeoplePairs {
  /** Pairs of image_ids. More votes prefer the first than the second. */
  readonly decided: readonly (readonly [winner: string, loser: string])[];
  /** Number of pairs with equally many votes for either image, or none. */
  readonly ties: number;
}

/** More bins would not change what a person does. */
const BINS_MAX = 5;
/** With fewer pairs a bin says nothing. */
const PAIRS_PER_BIN_MIN = 10;

/** How often a judge prefers what people prefer, in pairs within a range of margins. */
export interface Agreement extends Interval {
  /** Smallest difference of the judge's scores. */
  readonly minMargin: number;
  readonly maxMargin: number;
  readonly pairs: number;
  /** Prompts of the pairs. The interval counts these, because pairs of one prompt share images and are not independent. */
  readonly prompts: number;
  /** Share of the pairs; `low` to `high` is its 95 % interval. */
  readonly share: number;
}

/** The smallest margin from which on the judge agrees with people often enough. */
export interface Threshold extends Agreement {
  /**
   * True if the low end of the interval reaches the wanted share. False if only the share itself does: more votes are needed to be sure.
   */
  readonly isSure: boolean;
}

export interface JudgeAccuracy {
  /** Agreement over all margins. Null if there is no pair. */
  readonly all: Agreement | null;
  /** Bins with about equal numbers of pairs, smallest margins first. */
  readonly bins: readonly Agreement[];
  /** Null if no margin reaches the wanted share. */
  readonly threshold: Threshold | null;
  /**
   * Pairs that are left out because people were divided or saw no difference, because the judge saw no difference, or because it has no
   * score of one image.
   */
  readonly tiesOfPeople: number;
  readonly tiesOfJudge: number;
  readonly unscored: number;
}

interface Trial {
  readonly margin: number;
  readonly agrees: boolean;
  /** Number of the prompt. */
  readonly prompt: number;
}

/** Creates a collector of comparisons of one judge with people. It holds a few dozen bytes for each pair that people compared. */
export function openAccuracy() {
  const trials: Trial[] = [];
  let prompts = 0;
  let tiesOfPeople = 0;
  let tiesOfJudge = 0;
  let unscored = 0;

  return {
    /** Adds one group. The scores are by image_id. */
    add({ decided, ties }: PeoplePairs, scores: ReadonlyMap<string, number | null>): void {
      tiesOfPeople += ties;
      prompts++;
      for (const [winner, loser] of decided) {
        const won = scores.get(winner) ?? null;
        const lost = scores.get(loser) ?? null;
        const margin = won === null || lost === null ? null : roundDecimals(won - lost);
        if (margin === null) unscored++;
        else if (margin === 0) tiesOfJudge++;
        else trials.push({ margin: Math.abs(margin), agrees: margin > 0, prompt: prompts });
      }
    },

    /** Computes the accuracy. `precision` is the wanted share of agreement, 0…1. */
    result(precision: number): JudgeAccuracy {
      const sorted = trials.toSorted((first, second) => first.margin - second.margin);
      return {
        all: measureAgreement(sorted),
        bins: splitIntoBins(sorted).flatMap((bin) => measureAgreement(bin) ?? []),
        threshold: findThreshold(sorted, precision),
        tiesOfPeople,
        tiesOfJudge,
        unscored,
      };
    },
  };
}

/** Computes the agreement of trials, which are ordered by margin, smallest first. */
function measureAgreement(trials: readonly Trial[]): Agreement | null {
  const [first] = trials;
  const last = trials.at(-1);
  if (first === undefined || last === undefined) return null;
  const share = trials.filter(({ agrees }) => agrees).length / trials.length;
  const prompts = new Set(trials.map(({ prompt }) => prompt)).size;
  return { minMargin: first.margin, maxMargin: last.margin, pairs: trials.length, prompts, share, ...wilsonInterval(share, prompts) };
}

function splitIntoBins(sorted: readonly Trial[]): readonly (readonly Trial[])[] {
  const count = Math.min(BINS_MAX, Math.max(1, Math.floor(sorted.length / PAIRS_PER_BIN_MIN)));
  const bins: Trial[][] = [[]];
  for (const [index, trial] of sorted.entries()) {
    const bin = bins.at(-1) ?? [];
    const isFull = index >= Math.round((bins.length * sorted.length) / count);
    // Equal margins stay in one bin, so that the ranges of bins do not overlap.
    if (isFull && bin.at(-1)?.margin !== trial.margin) bins.push([trial]);
    else bin.push(trial);
  }
  return bins;
}

/** Finds the smallest margin from which on all pairs together reach the precision. A sure one is preferred. */
function findThreshold(sorted: readonly Trial[], precision: number): Threshold | null {
  const prompts = new Set<number>();
  let agreeing = 0;
  let sure: number | null = null;
  let perhaps: number | null = null;
  for (let index = sorted.length - 1; index >= 0; index--) {
    const trial = sorted[index];
    if (trial === undefined) continue;
    prompts.add(trial.prompt);
    if (trial.agrees) agreeing++;
    if (sorted[index - 1]?.margin === trial.margin) continue;
    const share = agreeing / (sorted.length - index);
    if (share >= precision) perhaps = index;
    if (wilsonInterval(share, prompts.size).low >= precision) sure = index;
  }
  const from = sure ?? perhaps;
  const agreement = from === null ? null : measureAgreement(sorted.slice(from));
  return agreement === null ? null : { ...agreement, isSure: sure !== null };
}
