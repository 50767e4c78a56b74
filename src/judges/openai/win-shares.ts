import { roundDecimals } from "../../lib/round-decimals.ts";
import type { Choice } from "./parse-choice.ts";

/** Two images as a model was shown them. */
export interface Comparison {
  readonly a: string;
  readonly b: string;
}

/** What it said then; null where that could not be read. */
export interface Compared extends Comparison {
  readonly choice: Choice | null;
}

/** Every two of the images in both orders, the same for the same list. */
export function comparisonsOf(ids: readonly string[]): readonly Comparison[] {
  return ids.flatMap((a, index) =>
    ids.slice(index + 1).flatMap((b) => [
      { a, b },
      { a: b, b: a },
    ]),
  );
}

/**
 * Score of each image: its wins among its comparisons, a tie is half a win, 0…1; null without any comparison that counts.
 * Two images count once: as a win where both orders agree, else as a tie, since then the place decided. Without two readable answers
 * they do not count.
 */
export function winShares(ids: readonly string[], compared: readonly Compared[]): ReadonlyMap<string, number | null> {
  const choices = new Map(compared.map(({ a, b, choice }) => [keyOf(a, b), choice]));
  const tally = new Map(ids.map((id) => [id, { won: 0, counted: 0 }]));
  for (const { a, b } of compared) {
    if (a > b) continue; // The other order of the same two.
    const share = shareOfFirst(choices.get(keyOf(a, b)) ?? null, choices.get(keyOf(b, a)) ?? null);
    const [first, second] = [tally.get(a), tally.get(b)];
    if (share === null || first === undefined || second === undefined) continue;
    first.won += share;
    second.won += 1 - share;
    first.counted++;
    second.counted++;
  }
  return new Map([...tally].map(([id, { won, counted }]) => [id, counted === 0 ? null : roundDecimals(won / counted)]));
}

/** 1, 0 or ½ for the image that stood first in the first of both orders. */
function shareOfFirst(asA: Choice | null, asB: Choice | null): number | null {
  if (asA === null || asB === null) return null;
  if (asA === "A" && asB === "B") return 1;
  return asA === "B" && asB === "A" ? 0 : 0.5;
}

function keyOf(a: string, b: string): string {
  return `${a} ${b}`;
}
