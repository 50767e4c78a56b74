import { wilsonInterval, type Interval } from "../../../lib/wilson-interval.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

/** The opinion of people on the pairs of one group that some vote showed together. */
export interface PeoplePairs {
  /** image_ids: more votes put the first above the second than the other way round. */
  readonly decided: readonly (readonly [winner: string, loser: string])[];
  /** As many votes either way, or none. */
  readonly ties: number;
}

/** More bins show nothing that a person would act on. */
const BINS_MAX = 5;
/** Fewer pairs in a bin say nothing. */
const PAIRS_PER_BIN_MIN = 10;

/** How often a judge prefers what people prefer, in pairs of some margins. */
export interface Agreement extends Interval {
  /** Of the judge's scores. */
  readonly minMargin: number;
  readonly maxMargin: number;
  readonly pairs: number;
  /** Prompts that the pairs come from. Pairs of one prompt share images and are no independent trials: the interval counts these. */
  readonly prompts: number;
  /** Share of the pairs; `low` to `high` is its 95 % interval. */
  readonly share: number;
}

/** The margin from which on the judge agrees with people often enough. */
export interface Threshold extends Agreement {
  /** True if the low end of the interval reaches what is wanted; false: only the share does, and more votes are needed to be sure. */
  readonly isSure: boolean;
}

export interface JudgeAccuracy {
  /** Over all margins; null where there is no pair. */
  readonly all: Agreement | null;
  /** About equal numbers of pairs each, smallest margins first. */
  readonly bins: readonly Agreement[];
  /** Null where no margin reaches it. */
  readonly threshold: Threshold | null;
  /** Pairs that people compared, left out: they were divided or saw no difference; the judge saw none; it has no score of one. */
  readonly tiesOfPeople: number;
  readonly tiesOfJudge: number;
  readonly unscored: number;
}

interface Trial {
  readonly margin: number;
  readonly agrees: boolean;
  /** Number of its prompt. */
  readonly prompt: number;
}

/** Collects comparisons of one judge with people, a few dozen bytes a pair; there are as many as people made. */
export function openAccuracy() {
  const trials: Trial[] = [];
  let prompts = 0;
  let tiesOfPeople = 0;
  let tiesOfJudge = 0;
  let unscored = 0;

  return {
    /** One group; scores by image_id. */
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

    /** `precision`: the share of agreement that is wanted, 0…1. */
    result(precision: number): JudgeAccuracy {
      const sorted = trials.toSorted((first, second) => first.margin - second.margin);
      return {
        all: agreementOf(sorted),
        bins: binsOf(sorted).flatMap((bin) => agreementOf(bin) ?? []),
        threshold: thresholdOf(sorted, precision),
        tiesOfPeople,
        tiesOfJudge,
        unscored,
      };
    },
  };
}

/** Trials by margin, lowest first. */
function agreementOf(trials: readonly Trial[]): Agreement | null {
  const [first] = trials;
  const last = trials.at(-1);
  if (first === undefined || last === undefined) return null;
  const share = trials.filter(({ agrees }) => agrees).length / trials.length;
  const prompts = new Set(trials.map(({ prompt }) => prompt)).size;
  return { minMargin: first.margin, maxMargin: last.margin, pairs: trials.length, prompts, share, ...wilsonInterval(share, prompts) };
}

function binsOf(sorted: readonly Trial[]): readonly (readonly Trial[])[] {
  const count = Math.min(BINS_MAX, Math.max(1, Math.floor(sorted.length / PAIRS_PER_BIN_MIN)));
  const bins: Trial[][] = [[]];
  for (const [index, trial] of sorted.entries()) {
    const bin = bins.at(-1) ?? [];
    const isFull = index >= Math.round((bins.length * sorted.length) / count);
    // Equal margins stay together: a bin says from which margin to which.
    if (isFull && bin.at(-1)?.margin !== trial.margin) bins.push([trial]);
    else bin.push(trial);
  }
  return bins;
}

/** The lowest margin from which on all pairs together reach the precision, surely if any does. */
function thresholdOf(sorted: readonly Trial[], precision: number): Threshold | null {
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
  const agreement = from === null ? null : agreementOf(sorted.slice(from));
  return agreement === null ? null : { ...agreement, isSure: sure !== null };
}
