import { rowIdOf } from "../../../identity.ts";
import type { PairsPolicy } from "../../../config/schema.ts";
import { filterImages, hammingDistance, splitByVariant } from "./filters.ts";
import {
  PROMPT_DROPS,
  type CandidateImage,
  type Drop,
  type GroupFacts,
  type Link,
  type LinkRules,
  type PairDrop,
  type PromptDrop,
  type ImageDrop,
} from "./group-facts.ts";
import type { PeopleVerdict } from "./people.ts";
import { type Field, POLICIES, type Ranked, type Selection } from "./policies.ts";
import { findVerdict, type Verdict } from "./verdict.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

export interface Linked {
  /** Ordered by margin, largest first. */
  readonly links: readonly Link[];
  /** One entry for each unit and reason, sorted. */
  readonly drops: readonly Drop[];
}

/**
 * Turns the facts of one prompt into training rows, and counts by reason what became no row.
 * It is a pure function: equal facts and rules give equal rows, in whatever order the facts come. No row ever holds a tie, two sizes, two
 * equal images, or its chosen image among the rejected ones.
 */
export function linkGroup(facts: GroupFacts, rules: LinkRules): Linked {
  const ordered = { ...facts, images: facts.images.toSorted((a, b) => (a.imageId < b.imageId ? -1 : 1)) };
  // Pruning removes only images that no row shows, so under the same rules every row stays. Under other rules, rows are made of what is left.
  const linked = linkAll(ordered, rules);
  const pruned = new Set(ordered.images.filter(({ state }) => state === "pruned").map(({ imageId }) => imageId));
  const shows = ({ chosen, rejected }: Link): boolean => [chosen, ...rejected].some(({ imageId }) => pruned.has(imageId));
  if (pruned.size === 0 || !linked.links.some(shows)) return linked;
  const images = ordered.images.map((image) => (pruned.has(image.imageId) ? { ...image, state: "excluded" as const } : image));
  return linkAll({ ...ordered, images }, rules);
}

function linkAll(facts: GroupFacts, rules: LinkRules): Linked {
  const { policy } = rules;
  const parts = splitByVariant(facts.images, policy.across).map((images) => linkPart(images, { facts, rules }));
  const rows = parts.flatMap((part) => part.rows).toSorted(byMargin);
  const kept = rows.slice(0, policy.max_per_prompt);
  const capped = rows.slice(policy.max_per_prompt);

  const drops: Drop[] = parts.flatMap((part) => part.drops);
  if (capped.length > 0)
    drops.push({ unit: "pair", reason: "max-per-prompt", count: capped.reduce((n, row) => n + row.rejected.length, 0) });
  if (kept.length === 0) {
    const hurdle = Math.max(0, ...parts.map((part) => PROMPT_DROPS.indexOf(part.hurdle)));
    drops.push({ unit: "prompt", reason: PROMPT_DROPS[hurdle] ?? "too-few-candidates", count: 1 });
  }
  return { links: kept, drops: sumDrops(drops) };
}

interface Part {
  readonly rows: readonly Link[];
  readonly drops: readonly Drop[];
  /** The last check that its best pair reached. */
  readonly hurdle: PromptDrop;
}

interface PartContext {
  readonly facts: GroupFacts;
  readonly rules: LinkRules;
}

function linkPart(candidates: readonly CandidateImage[], { facts, rules }: PartContext): Part {
  const { images, twins, drops } = filterImages(candidates, rules.filters);
  if (images.length < 2) return { rows: [], drops, hurdle: "too-few-candidates" };
  const verdict = findVerdict({ images, twins, votes: facts.votes }, rules);
  if (typeof verdict === "string") return { rows: [], drops, hurdle: verdict };

  const pairDrops = new Map<PairDrop, number>();
  const drop = (reason: PairDrop, pairs: number): false => {
    pairDrops.set(reason, (pairDrops.get(reason) ?? 0) + pairs);
    return false;
  };
  const selections = POLICIES[rules.policy.policy](chooseField(verdict.ranked, rules.policy), (chosen, rejected) => {
    const barrier = pairBarrier({ chosen, rejected }, { rules, people: verdict.people });
    return barrier === null || drop(barrier, 1);
  });
  const rows = selections.flatMap((selection) => {
    const row = rowOf(selection, { facts, verdict, nCandidates: images.length });
    const barrier = rowBarrier(row, { verdict, rules });
    return barrier === null || drop(barrier, row.rejected.length) ? [row] : [];
  });
  const unscored = images.length - verdict.ranked.length;
  return {
    rows,
    drops: [
      ...drops,
      ...(unscored > 0 ? [{ unit: "image", reason: "unscored", count: unscored } as const] : []),
      ...[...pairDrops].map(([reason, count]) => ({ unit: "pair", reason, count }) as const),
    ],
    hurdle: lastHurdle(pairDrops, verdict),
  };
}

function chooseField(all: readonly Ranked[], { across, policy }: PairsPolicy): Field {
  const { choosable, rejectable } = fieldAcross(all, across);
  // These policies take only the best image, so it must be one that may be chosen. Others check each pair, and count.
  const takesBest = policy === "best-rest" || policy === "best-worst";
  return { choosable: takesBest ? choosable.filter(({ image }) => !image.flawed) : choosable, rejectable };
}

function fieldAcross(ranked: readonly Ranked[], across: PairsPolicy["across"]): Field {
  if (typeof across === "string") return { choosable: ranked, rejectable: ranked };
  const named = (names: readonly string[]): Ranked[] => ranked.filter(({ image }) => names.some((name) => isVariant(image.variant, name)));
  return { choosable: named(across.chosen), rejectable: named(across.rejected) };
}

/** Returns true if a name means a variant. `sweep` also means the variants `sweep/guidance=2.5`, … that it was expanded to. */
function isVariant(variant: string, name: string): boolean {
  return variant === name || variant.startsWith(`${name}/`);
}

interface Pair {
  readonly chosen: Ranked;
  readonly rejected: Ranked;
}

/** Returns why two images are no pair. Null if they are one. */
function pairBarrier(
  { chosen, rejected }: Pair,
  { rules, people }: { readonly rules: LinkRules; readonly people: PeopleVerdict | null },
): PairDrop | null {
  const { near_duplicate: nearBits } = rules.filters;
  const margin = roundDecimals(chosen.score - rejected.score);
  if (chosen.image.flawed || (margin < 0 && rejected.image.flawed)) return "flagged";
  if (margin < 0) return "across";
  if (chosen.image.look.pixelSha256 === rejected.image.look.pixelSha256) return "same-pixels";
  if (nearBits > 0 && hammingDistance(chosen.image.look.perceptualHash, rejected.image.look.perceptualHash) <= nearBits)
    return "near-duplicate";
  if (margin === 0) return "tie";
  if (margin < rules.policy.min_margin) return "below-margin";
  const follows = people === null || people.connected || people.support(chosen.image.imageId, [rejected.image.imageId]).votes > 0;
  return follows ? null : "uncompared";
}

/** Returns why a pair becomes no row. Null if it does. */
function rowBarrier(row: Link, { verdict, rules }: { readonly verdict: Verdict; readonly rules: LinkRules }): PairDrop | null {
  if (verdict.people === null) return null;
  const support = verdict.people.support(
    row.chosen.imageId,
    row.rejected.map(({ imageId }) => imageId),
  );
  if (support.bothBad > 0 && support.bothBad * 2 >= support.votes) return "both-bad";
  return (row.agreement ?? 0) < rules.policy.min_agreement ? "min-agreement" : null;
}

interface RowContext {
  readonly facts: GroupFacts;
  readonly verdict: Verdict;
  readonly nCandidates: number;
}

function rowOf({ chosen, rejected }: Selection, { facts, verdict, nCandidates }: RowContext): Link {
  const scored = ({ image, score }: Ranked) => ({ imageId: image.imageId, score });
  const losers = rejected.map(scored);
  const rejectedIds = losers.map(({ imageId }) => imageId);
  const support = verdict.people?.support(chosen.image.imageId, rejectedIds) ?? { votes: 0, agreeing: 0 };
  return {
    rowId: rowIdOf(facts.promptKey, facts.criterion, chosen.image.imageId, rejectedIds),
    chosen: scored(chosen),
    rejected: losers,
    source: verdict.source,
    margin: roundDecimals(chosen.score - (losers[0]?.score ?? chosen.score)),
    agreement: support.votes === 0 ? null : roundDecimals(support.agreeing / support.votes),
    nVotes: support.votes,
    nCandidates,
  };
}

/** Returns the last check that a pair of the part reached. */
function lastHurdle(pairDrops: ReadonlyMap<PairDrop, number>, verdict: Verdict): PromptDrop {
  // Votes that only say "both bad" rank nothing, so no pair was checked.
  if (verdict.people !== null && verdict.ranked.length === 0) return "both-bad";
  return [...pairDrops.keys()].reduce<PromptDrop>(
    (last, reason) => (PROMPT_DROPS.indexOf(reason) > PROMPT_DROPS.indexOf(last) ? reason : last),
    "across", // No pair was checked: no image is of the wanted variants.
  );
}

/** Orders rows by margin, largest first. Equal margins are ordered by image_ids. */
function byMargin(first: Link, second: Link): number {
  const idsOf = ({ chosen, rejected }: Link): string => [chosen, ...rejected].map(({ imageId }) => imageId).join();
  return second.margin - first.margin || (idsOf(first) < idsOf(second) ? -1 : 1);
}

function sumDrops(drops: readonly Drop[]): Drop[] {
  const byName = Map.groupBy(drops, ({ unit, reason }) => `${unit} ${reason}`);
  return [...byName]
    .toSorted(([first], [second]) => (first < second ? -1 : 1))
    .flatMap(([, [first, ...others]]) =>
      first === undefined ? [] : [{ ...first, count: others.reduce((n, drop) => n + drop.count, first.count) }],
    );
}

/** How linking treats one candidate. */
export interface ExplainedImage {
  /** Why it is in no pair, whatever the other images are. Null if it could be in one. */
  readonly why: ImageDrop | PromptDrop | null;
  /** Score of the source that decides its group. Null if that has no score of it. */
  readonly score: number | null;
}

/** Explains for each candidate of one prompt, by image_id, why it is left out or how it scores. `linkGroup` only counts these. */
export function explainGroup(facts: GroupFacts, rules: LinkRules): ReadonlyMap<string, ExplainedImage> {
  const explained = new Map<string, ExplainedImage>();
  for (const part of splitByVariant(facts.images, rules.policy.across)) {
    const { images, twins, reasons } = filterImages(part, rules.filters);
    for (const [imageId, why] of reasons) explained.set(imageId, { why, score: null });
    const verdict = images.length < 2 ? "too-few-candidates" : findVerdict({ images, twins, votes: facts.votes }, rules);
    const ranked = typeof verdict === "string" ? [] : verdict.ranked;
    const scores = new Map(ranked.map(({ image, score }) => [image.imageId, score]));
    for (const { imageId } of images) {
      const score = scores.get(imageId) ?? null;
      explained.set(imageId, { score, why: typeof verdict === "string" ? verdict : score === null ? "unscored" : null });
    }
  }
  return explained;
}
