import type { ComparisonQueries, ComparisonRow } from "../../../db/queries/page/comparisons.ts";
import type { CountedVote, PageVoteQueries } from "../../../db/queries/page/page-votes.ts";
import type { ComparisonRules } from "./comparison-rules.ts";
import { outcomeOf } from "./outcome-of.ts";
import { roundsOf } from "./plan-comparisons.ts";
import { shareOf } from "../lead/share-of.ts";
import { settleComparison } from "./settle-comparison.ts";
import { swissRound, type Match } from "./swiss-round.ts";
import { votesWanted } from "./votes-wanted.ts";

export interface SettleNeeds {
  readonly comparisons: Pick<ComparisonQueries, "comparisonsOf" | "insert" | "settle">;
  readonly votes: Pick<PageVoteQueries, "countedOn">;
  readonly rules: ComparisonRules;
}

export interface SettleScope {
  readonly promptKey: string;
  readonly criterion: string;
}

/**
 * Counts the votes of one prompt and criterion again, and writes which of its comparisons have enough; where a round of a Swiss
 * tournament is over, its next one. From the votes that count alone, so that doing it again changes nothing. Inside a transaction.
 */
export function settlePrompt({ promptKey, criterion }: SettleScope, { comparisons, votes, rules }: SettleNeeds): void {
  const outcomes = outcomesByImages(votes.countedOn(promptKey, criterion));
  const asked = comparisons.comparisonsOf(promptKey).filter((row) => row.criterion === criterion && row.state !== "void");
  const wanted = votesWanted(
    asked.map(({ images }) => images),
    rules,
  );
  const settled = asked.map((row) => {
    const given = outcomes.get(row.images) ?? [];
    const overlap = wanted.get(row.images) ?? rules.overlap;
    const next = { ...row, answers: given.length, ...settleComparison(given, { ...rules, overlap }) };
    if (next.state !== row.state || next.answers !== row.answers || next.wanted !== row.wanted) comparisons.settle(next);
    return next;
  });
  if (rules.order !== "swiss" || settled.length === 0 || settled.some(({ state }) => state === "open")) return;
  for (const images of nextRound(settled, outcomes)) {
    const round = Math.max(...settled.map((row) => row.round)) + 1;
    const place = { criterionRank: rules.criteria.indexOf(criterion), priority: round + shareOf(images) };
    comparisons.insert({ promptKey, criterion, images, state: "open", round, answers: 0, wanted: rules.overlap, ...place });
  }
}

type Outcomes = ReadonlyMap<string, readonly string[]>;

/** By the images as comparisons name them. */
function outcomesByImages(votes: readonly CountedVote[]): Outcomes {
  const byImages = Map.groupBy(votes, ({ shown }) => JSON.stringify((JSON.parse(shown) as string[]).toSorted()));
  return new Map(
    [...byImages].map(([images, given]) => [
      images,
      given.map(({ kind, ranking }) => outcomeOf({ kind, ranking: JSON.parse(ranking) as string[][] })), // Checked when it was cast.
    ]),
  );
}

function nextRound(settled: readonly ComparisonRow[], outcomes: Outcomes): readonly string[] {
  const matches = settled.map(({ images, round }) => {
    const [first = "", second = ""] = JSON.parse(images) as string[]; // A pair; the feed wrote it.
    return { images: [first, second] as const, winner: winnerOf(outcomes.get(images) ?? []), round } satisfies Match & { round: number };
  });
  const players = [...new Set(matches.flatMap(({ images }) => images))].toSorted();
  const round = Math.max(...matches.map((match) => match.round));
  return round >= roundsOf(players.length) ? [] : swissRound(players, matches).map((images) => JSON.stringify(images));
}

/** What more than half say; null: a tie, or split. */
function winnerOf(outcomes: readonly string[]): string | null {
  const most = [...Map.groupBy(outcomes, (outcome) => outcome)].find(([, same]) => same.length * 2 > outcomes.length);
  const winner = most?.[0] ?? null;
  return winner === "tie" || winner === "both_bad" ? null : winner;
}
