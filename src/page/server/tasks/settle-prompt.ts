import type { ComparisonQueries, ComparisonRow } from "../../../db/queries/page/comparisons.ts";
import type { CountedVote, PageVoteQueries } from "../../../db/queries/page/page-votes.ts";
import type { ComparisonRules, VotingRules } from "./comparison-rules.ts";
import { countRounds, hashToShare, planSwissRound, type Match } from "./plan-comparisons.ts";

export interface SettleNeeds {
  readonly comparisons: Pick<ComparisonQueries, "listComparisons" | "insert" | "settle">;
  readonly votes: Pick<PageVoteQueries, "listCountedVotes">;
  readonly rules: ComparisonRules;
}

export interface SettleScope {
  readonly promptKey: string;
  readonly criterion: string;
}

/**
 * Counts the votes of one prompt and criterion again, and writes which of its comparisons have enough. Adds the next round of a Swiss
 * tournament once a round is over. It reads only votes that count, so doing it again changes nothing. Call it inside a transaction.
 */
export function settlePrompt({ promptKey, criterion }: SettleScope, { comparisons, votes, rules }: SettleNeeds): void {
  const outcomes = groupOutcomes(votes.listCountedVotes(promptKey, criterion));
  const asked = comparisons.listComparisons(promptKey).filter((row) => row.criterion === criterion && row.state !== "void");
  const wanted = planVotes(
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
  for (const images of planNextRound(settled, outcomes)) {
    const round = Math.max(...settled.map((row) => row.round)) + 1;
    const place = { criterionRank: rules.criteria.indexOf(criterion), priority: round + hashToShare(images) };
    comparisons.insert({ promptKey, criterion, images, state: "open", round, answers: 0, wanted: rules.overlap, ...place });
  }
}

type Outcomes = ReadonlyMap<string, readonly string[]>;

/** Groups outcomes by `comparisons.images`. */
function groupOutcomes(votes: readonly CountedVote[]): Outcomes {
  const byImages = Map.groupBy(votes, ({ shown }) => JSON.stringify((JSON.parse(shown) as string[]).toSorted()));
  return new Map(
    [...byImages].map(([images, given]) => [
      images,
      given.map(({ kind, ranking }) => summarizeOutcome({ kind, ranking: JSON.parse(ranking) as string[][] })), // Checked when it was cast.
    ]),
  );
}

function planNextRound(settled: readonly ComparisonRow[], outcomes: Outcomes): readonly string[] {
  const matches = settled.map(({ images, round }) => {
    const [first = "", second = ""] = JSON.parse(images) as string[]; // A pair; the feed wrote it.
    return { images: [first, second] as const, winner: findWinner(outcomes.get(images) ?? []), round } satisfies Match & { round: number };
  });
  const players = [...new Set(matches.flatMap(({ images }) => images))].toSorted();
  const round = Math.max(...matches.map((match) => match.round));
  return round >= countRounds(players.length) ? [] : planSwissRound(players, matches).map((images) => JSON.stringify(images));
}

/** Returns the outcome that more than half of the votes have. Null: a tie, or split. */
function findWinner(outcomes: readonly string[]): string | null {
  const most = [...Map.groupBy(outcomes, (outcome) => outcome)].find(([, same]) => same.length * 2 > outcomes.length);
  const winner = most?.[0] ?? null;
  return winner === "tie" || winner === "both_bad" ? null : winner;
}

export interface Settled {
  readonly state: "open" | "done" | "disputed";
  /** Votes that are needed before it is decided again. */
  readonly wanted: number;
}

/**
 * Decides whether a comparison has enough votes: `overlap`, and one more at a time while no outcome has more than half of them. At
 * `maxVotes` it counts as disputed. A single vote is never split.
 * @param outcomes of the votes that count, without skips.
 */
export function settleComparison(outcomes: readonly string[], { overlap, maxVotes }: VotingRules): Settled {
  const votes = outcomes.length;
  if (votes < overlap) return { state: "open", wanted: overlap };
  const counts = [...Map.groupBy(outcomes, (outcome) => outcome).values()].map((same) => same.length);
  const isSplit = Math.max(...counts) * 2 <= votes;
  if (!isSplit) return { state: "done", wanted: votes };
  return votes < maxVotes ? { state: "open", wanted: votes + 1 } : { state: "disputed", wanted: votes };
}

/**
 * Plans how many votes each comparison of a prompt gets: `overlap`, or more if its group would otherwise have fewer than linking needs for
 * a row. Comparisons that share images, directly or through others, form one group.
 * @param comparisons sorted images of each: JSON arrays.
 */
export function planVotes(
  comparisons: readonly string[],
  { overlap, minVotes, order }: Pick<ComparisonRules, "overlap" | "minVotes" | "order">,
): ReadonlyMap<string, number> {
  if (minVotes <= overlap) return new Map(comparisons.map((images) => [images, overlap]));
  return new Map(
    groupComparisons(comparisons).flatMap(({ members, images }) => {
      // Only the rounds so far of a tournament exist.
      const planned = order === "swiss" ? countRounds(images.size) * Math.floor(images.size / 2) : members.length;
      const each = Math.max(overlap, Math.ceil(minVotes / Math.max(planned, members.length)));
      return members.map((member): [string, number] => [member, each]);
    }),
  );
}

interface Group {
  readonly members: readonly string[];
  readonly images: ReadonlySet<string>;
}

function groupComparisons(comparisons: readonly string[]): readonly Group[] {
  let groups: Group[] = [];
  for (const comparison of comparisons) {
    const own = new Set(JSON.parse(comparison) as string[]); // The feed wrote it.
    const met = groups.filter(({ images }) => !images.isDisjointFrom(own));
    const images = met.reduce((all, group) => all.union(group.images), own);
    groups = [
      ...groups.filter((group) => !met.includes(group)),
      { members: [...met.flatMap(({ members }) => members), comparison], images },
    ];
  }
  return groups;
}

interface Chosen {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** Best first. */
  readonly ranking: readonly (readonly string[])[];
}

/** Returns what a vote says, as text: the sorted image_ids at the top, or the kind. Two votes that say the same have equal texts. */
export function summarizeOutcome({ kind, ranking }: Chosen): string {
  return kind === "choice" ? (ranking[0] ?? []).toSorted().join() : kind;
}
