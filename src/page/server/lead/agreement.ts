import { setImmediate } from "node:timers/promises";
import type { PageQualityQueries, QualityVote } from "../../../db/queries/page/page-quality.ts";

/** Votes read at once, about 5 ms. */
const PAGE_VOTES = 1_000;
/** Longer times count as this one, ms. Each ms up to it has its own counter, 2 MB in all. */
const DURATION_MAX_MS = 500_000;

/** Pairs of votes by two people on the same two images. */
export interface Agreement {
  readonly pairs: number;
  /** Pairs that say the same. */
  readonly alike: number;
}

export interface AgreementCounts {
  /** Without excluded people. */
  readonly all: Agreement;
  /** Krippendorff's alpha, without excluded people. */
  readonly alpha: number | null;
  /** Median time of the votes of the same people, without skips. */
  readonly medianMs: number | null;
  /** Agreement of each person with all others, excluded or not. */
  readonly byAnnotator: ReadonlyMap<number, Agreement>;
}

type Tally = { pairs: number; alike: number };

/**
 * Reads every vote that was not undone once, a page at a time. Memory grows with the number of people alone.
 * @param excluded annotator ids of excluded people.
 */
export async function countAgreement(quality: PageQualityQueries, excluded: ReadonlySet<number>): Promise<AgreementCounts> {
  const alpha = createAlphaCounter();
  const all: Tally = { pairs: 0, alike: 0 };
  const byAnnotator = new Map<number, Tally>();
  const durations = new Uint32Array(DURATION_MAX_MS + 1);
  let timed = 0;

  function addComparison(votes: readonly QualityVote[]): void {
    for (const { annotatorId, durationMs, kind } of votes) {
      if (durationMs === null || kind === "skip" || excluded.has(annotatorId)) continue;
      const at = Math.min(durationMs, DURATION_MAX_MS);
      durations[at] = (durations[at] ?? 0) + 1;
      timed++;
    }
    if (votes.length < 2) return;
    for (const given of Map.groupBy(votes.flatMap(listStatements), ({ pair }) => pair).values()) {
      alpha.addUnit(given.filter(({ annotatorId }) => !excluded.has(annotatorId)).map(({ preferred }) => preferred));
      addPairs(given);
    }
  }

  function addPairs(given: readonly Statement[]): void {
    for (const [index, one] of given.entries()) {
      for (const other of given.slice(index + 1)) {
        const isAlike = one.preferred === other.preferred;
        const isCounted = !excluded.has(one.annotatorId) && !excluded.has(other.annotatorId);
        for (const tally of [...(isCounted ? [all] : []), tallyOf(one.annotatorId), tallyOf(other.annotatorId)]) {
          tally.pairs++;
          if (isAlike) tally.alike++;
        }
      }
    }
  }

  function tallyOf(annotatorId: number): Tally {
    const found = byAnnotator.get(annotatorId) ?? { pairs: 0, alike: 0 };
    byAnnotator.set(annotatorId, found);
    return found;
  }

  let after = 0;
  for (;;) {
    const votes = quality.listVotesAfter(after, PAGE_VOTES);
    const isLast = votes.length < PAGE_VOTES;
    const last = votes.at(-1)?.comparison ?? after;
    // The page may end within a comparison. That one is read again with the next page.
    const whole = isLast ? votes : votes.filter(({ comparison }) => comparison !== last);
    for (const same of Map.groupBy(whole, ({ comparison }) => comparison).values()) addComparison(same);
    if (isLast) break;
    if (whole.length === 0) throw new Error(`over ${PAGE_VOTES} votes on comparison ${last}`);
    after = whole.at(-1)?.comparison ?? after;
    await setImmediate(); // Let votes run.
  }
  return { all, alpha: alpha.alpha(), medianMs: findMedian(durations, timed), byAnnotator };
}

interface Statement {
  readonly annotatorId: number;
  readonly pair: string;
  readonly preferred: string;
}

function listStatements({ annotatorId, kind, shown, ranking }: QualityVote): readonly Statement[] {
  // The recorder wrote both: lists of image_ids.
  const vote = { kind, shown: JSON.parse(shown) as string[], ranking: JSON.parse(ranking) as string[][] };
  return listPreferences(vote).map((each) => ({ ...each, annotatorId }));
}

/** Returns the median. Of an even number, the lower one of the two in the middle. */
function findMedian(durations: Uint32Array, count: number): number | null {
  let left = Math.floor((count - 1) / 2);
  for (const [ms, votes] of durations.entries()) {
    if (left < votes) return count === 0 ? null : ms;
    left -= votes;
  }
  return null;
}

/** One preference in a vote: which of two images it prefers, or neither. */
export interface PairPreference {
  /** Both image_ids, sorted: equal for everybody, whatever the order shown. */
  readonly pair: string;
  /** `first` and `second` are by image_id, not by position: people who always choose the left image do not agree for that. */
  readonly preferred: "first" | "second" | "neither";
}

export interface ComparedVote {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  readonly shown: readonly string[];
  /** Best first. Shown images that are missing come after all others, in no order. */
  readonly ranking: readonly (readonly string[])[];
}

/** Lists every pair of images that a vote orders or calls equal. A skip says nothing. */
export function listPreferences({ kind, shown, ranking }: ComparedVote): readonly PairPreference[] {
  if (kind === "skip") return [];
  const tiers = kind === "both_bad" ? [shown] : ranking;
  const tierOf = new Map(tiers.flatMap((tier, index) => tier.map((imageId) => [imageId, index] as const)));
  const ids = shown.toSorted();
  return ids.flatMap((first, index) =>
    ids.slice(index + 1).flatMap((second): PairPreference[] => {
      const [one, other] = [tierOf.get(first) ?? Infinity, tierOf.get(second) ?? Infinity];
      if (one === Infinity && other === Infinity) return []; // A choice of the best says nothing about the others.
      return [{ pair: `${first} ${second}`, preferred: one === other ? "neither" : one < other ? "first" : "second" }];
    }),
  );
}

/**
 * Creates a counter of Krippendorff's alpha for nominal data, any number of observers, missing values allowed: 1 − D_o / D_e, from the
 * matrix of coincidences. Units are added one by one, so memory grows with the number of categories alone.
 * Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C.
 */
export function createAlphaCounter() {
  /** Number of pairs of values of one unit that each value is part of. */
  const totals = new Map<string, number>();
  /** Sum of all coincidences of two different values. */
  let disagreeing = 0;

  return {
    /** Adds the values that observers gave one unit. Fewer than two say nothing about agreement. */
    addUnit(values: readonly string[]): void {
      const count = values.length;
      if (count < 2) return;
      for (const [value, same] of Map.groupBy(values, (each) => each)) {
        totals.set(value, (totals.get(value) ?? 0) + same.length);
        disagreeing += (same.length * (count - same.length)) / (count - 1);
      }
    },
    /** Returns alpha. Null if nothing was observed twice, or all values are equal: nothing could have disagreed. */
    alpha(): number | null {
      const sizes = [...totals.values()];
      const all = sizes.reduce((sum, size) => sum + size, 0);
      const expected = sizes.reduce((sum, size) => sum + size * (all - size), 0);
      return expected === 0 ? null : 1 - ((all - 1) * disagreeing) / expected;
    },
  };
}
