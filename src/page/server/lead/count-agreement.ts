import { setImmediate } from "node:timers/promises";
import type { PageQualityQueries, QualityVote } from "../../../db/queries/page/page-quality.ts";
import { krippendorffAlpha } from "./krippendorff-alpha.ts";
import { preferencesIn } from "../tasks/preferences-in.ts";

/** Votes read in one go, about 5 ms. */
const PAGE_VOTES = 1_000;
/** Votes of a longer time count as so long, ms: each ms up to it is counted by itself, in 2 MB. */
const DURATION_MAX_MS = 500_000;

/** Pairs of votes by two people on the same two images. */
export interface Agreement {
  readonly pairs: number;
  /** Those that say the same. */
  readonly alike: number;
}

export interface AgreementCounts {
  /** Without people who are excluded. */
  readonly all: Agreement;
  /** Krippendorff's alpha, without them, too. */
  readonly alpha: number | null;
  /** Of their votes without skips. */
  readonly medianMs: number | null;
  /** With all others, whoever is excluded. */
  readonly byAnnotator: ReadonlyMap<number, Agreement>;
}

type Tally = { pairs: number; alike: number };

/** Reads every standing vote once, a page at a time; memory grows with the number of people alone. */
export async function countAgreement(quality: PageQualityQueries, excluded: ReadonlySet<number>): Promise<AgreementCounts> {
  const alpha = krippendorffAlpha();
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
    for (const given of Map.groupBy(votes.flatMap(statements), ({ pair }) => pair).values()) {
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
    const votes = quality.votesAfter(after, PAGE_VOTES);
    const isLast = votes.length < PAGE_VOTES;
    const last = votes.at(-1)?.comparison ?? after;
    // The page may end within a comparison: that one comes again, whole.
    const whole = isLast ? votes : votes.filter(({ comparison }) => comparison !== last);
    for (const same of Map.groupBy(whole, ({ comparison }) => comparison).values()) addComparison(same);
    if (isLast) break;
    if (whole.length === 0) throw new Error(`over ${PAGE_VOTES} votes on comparison ${last}`);
    after = whole.at(-1)?.comparison ?? after;
    await setImmediate(); // Votes get their turn.
  }
  return { all, alpha: alpha.alpha(), medianMs: medianOf(durations, timed), byAnnotator };
}

interface Statement {
  readonly annotatorId: number;
  readonly pair: string;
  readonly preferred: string;
}

function statements({ annotatorId, kind, shown, ranking }: QualityVote): readonly Statement[] {
  // The recorder wrote both: lists of image_ids.
  const vote = { kind, shown: JSON.parse(shown) as string[], ranking: JSON.parse(ranking) as string[][] };
  return preferencesIn(vote).map((each) => ({ ...each, annotatorId }));
}

/** The lower of the two in the middle. */
function medianOf(durations: Uint32Array, count: number): number | null {
  let left = Math.floor((count - 1) / 2);
  for (const [ms, votes] of durations.entries()) {
    if (left < votes) return count === 0 ? null : ms;
    left -= votes;
  }
  return null;
}
