import { setImmediate } from "node:timers/promises";
import type { Db } from "../../../db/open.ts";
import { annotatorQueries, type AnnotatorRow } from "../../../db/queries/page/annotators.ts";
import { pageQualityQueries, type PersonCounts } from "../../../db/queries/page/page-quality.ts";
import type { Clock } from "../../../lib/clock.ts";
import { type Agreement, countAgreement } from "./agreement.ts";
import type { LeadAnswer, Quality } from "../../api.ts";
import { HOUR_MS } from "../../../lib/units.ts";

/** Numbers are kept for this long, ms. If counting took long, for FRESH_FACTOR times as long. */
const FRESH_MS = 5_000;
const FRESH_FACTOR = 20;

export interface LeadNeeds {
  readonly db: Db;
  readonly clock: Clock;
  /** Prompts whose images are not all there yet. */
  readonly promptsWaiting: () => number;
  readonly cspReports: () => number;
}

/** Creates a function that counts what the lead sees. Callers during a count share its result. */
export function createLeadCounter({ db, clock, promptsWaiting, cspReports }: LeadNeeds): () => Promise<LeadAnswer> {
  const annotators = annotatorQueries(db);
  const quality = pageQualityQueries(db);
  let counted: Promise<LeadAnswer> | null = null;
  /** Null during a count. */
  let fresh: { readonly sinceMs: number; readonly forMs: number } | null = null;

  async function count(): Promise<LeadAnswer> {
    const startMs = clock.nowMs();
    const people = annotators
      .all()
      .filter(({ tokenSha256, seenAtMs, forgottenAtMs }) => (tokenSha256 ?? seenAtMs ?? forgottenAtMs) !== null);
    const excluded = new Set(people.filter(({ excludedAtMs }) => excludedAtMs !== null).map(({ annotatorId }) => annotatorId));
    const agreement = await countAgreement(quality, excluded);
    const counts = new Map<number, PersonCounts>();
    for (const { annotatorId } of people) {
      counts.set(annotatorId, quality.countPerson(annotatorId, clock.nowMs() - HOUR_MS));
      await setImmediate(); // Let votes run.
    }
    const all = [...counts].filter(([annotatorId]) => !excluded.has(annotatorId)).map(([, each]) => each);
    const answer = {
      all: { ...toQuality({ ...sumCounts(all), medianMs: agreement.medianMs }, agreement.all), alpha: agreement.alpha },
      annotators: people.map((person) => ({
        annotator: person.name,
        role: person.role,
        state: readState(person),
        excluded: person.excludedAtMs !== null,
        seen_at_ms: person.seenAtMs,
        ...toQuality(counts.get(person.annotatorId) ?? sumCounts([]), agreement.byAnnotator.get(person.annotatorId)),
      })),
      tasks: countTasks(quality.states(), promptsWaiting()),
      csp_reports: cspReports(),
    };
    const nowMs = clock.nowMs();
    fresh = { sinceMs: nowMs, forMs: Math.max(FRESH_MS, (nowMs - startMs) * FRESH_FACTOR) };
    return answer;
  }

  return () => {
    const isOld = fresh !== null && Math.abs(clock.nowMs() - fresh.sinceMs) > fresh.forMs; // The clock may have been set back.
    if (counted === null || isOld) {
      fresh = null;
      counted = count();
      counted.catch(() => (counted = null));
    }
    return counted;
  };
}

function readState({ tokenSha256, seenAtMs, forgottenAtMs }: AnnotatorRow): LeadAnswer["annotators"][number]["state"] {
  if (forgottenAtMs !== null) return "forgotten";
  if (tokenSha256 === null) return "revoked";
  return seenAtMs === null ? "invited" : "active";
}

function countTasks(states: ReturnType<ReturnType<typeof pageQualityQueries>["states"]>, promptsWaiting: number): LeadAnswer["tasks"] {
  const of = (name: string) => states.find(({ state }) => state === name) ?? { count: 0, missing: 0 };
  return {
    done: of("done").count,
    open: of("open").count,
    disputed: of("disputed").count,
    votes_left: of("open").missing,
    prompts_waiting: promptsWaiting,
  };
}

function toQuality(counts: PersonCounts, agreement: Agreement | undefined): Quality {
  return {
    votes: counts.votes,
    skips: counts.skips,
    median_ms: counts.medianMs,
    per_hour: counts.lastHour,
    gold_accuracy: shareOrNull(counts.goldRight, counts.goldVotes),
    gold_votes: counts.goldVotes,
    self_consistency: shareOrNull(counts.repeatedAlike, counts.repeats),
    repeats: counts.repeats,
    agreement: agreement === undefined ? null : shareOrNull(agreement.alike, agreement.pairs),
  };
}

function shareOrNull(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sumCounts(all: readonly PersonCounts[]): PersonCounts {
  const sum = (of: (counts: PersonCounts) => number): number => all.reduce((total, each) => total + of(each), 0);
  return {
    votes: sum(({ votes }) => votes),
    skips: sum(({ skips }) => skips),
    goldVotes: sum(({ goldVotes }) => goldVotes),
    goldRight: sum(({ goldRight }) => goldRight),
    repeats: sum(({ repeats }) => repeats),
    repeatedAlike: sum(({ repeatedAlike }) => repeatedAlike),
    lastHour: sum(({ lastHour }) => lastHour),
    medianMs: null,
  };
}
