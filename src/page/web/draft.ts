import type { Answer, TaskKind, Flag } from "../api.ts";

/** The part of an answer that is chosen so far: slots, best first. Tied slots share one inner list. */
export interface Picks {
  readonly tiers: readonly (readonly string[])[];
  /** True if the next slot ties with the last one. */
  readonly joins: boolean;
}

export const NO_PICKS: Picks = { tiers: [], joins: false };

export interface Asked {
  readonly kind: TaskKind;
  readonly slots: readonly string[];
}

/** Either more picks are needed, or the answer is complete. */
export type PickResult = { readonly picks: Picks; readonly answer: null } | { readonly picks: null; readonly answer: Answer };

/** Adds a chosen image: the best one, then, depending on the task, the worst or the next in order. */
export function pick(picks: Picks, slot: string, { kind, slots }: Asked): PickResult {
  const taken = picks.tiers.flat();
  if (taken.includes(slot)) return { picks, answer: null };
  if (kind === "pair" || kind === "best" || (kind === "best-worst" && slots.length < 3)) {
    return { picks: null, answer: { kind: "best", best: slot } };
  }
  if (kind === "best-worst") {
    const [best] = taken;
    return best === undefined
      ? { picks: { tiers: [[slot]], joins: false }, answer: null }
      : { picks: null, answer: { kind: "best-worst", best, worst: slot } };
  }
  const tiers = picks.joins ? [...picks.tiers.slice(0, -1), [...(picks.tiers.at(-1) ?? []), slot]] : [...picks.tiers, [slot]];
  if (taken.length + 1 < slots.length) return { picks: { tiers, joins: false }, answer: null };
  return { picks: null, answer: tiers.length === 1 ? { kind: "tie" } : { kind: "ranking", ranking: tiers } };
}

/** Handles T: all images are equal. In the middle of a ranking, the next image ties with the last one. */
export function pickTie(picks: Picks, { kind }: Pick<Asked, "kind">): PickResult {
  if (kind === "rank" && picks.tiers.length > 0) return { picks: { ...picks, joins: !picks.joins }, answer: null };
  return { picks: null, answer: { kind: "tie" } };
}

/** Returns the rank of a slot so far, from 1. Tied slots share one. Null if it has none yet. */
export function findRank(picks: Picks, slot: string): number | null {
  const tier = picks.tiers.findIndex((slots) => slots.includes(slot));
  return tier === -1 ? null : picks.tiers.slice(0, tier).flat().length + 1;
}

/** Returns what an earlier answer said about a slot, to show it when the vote is undone. */
export function findChosenPlace(answer: Answer, slot: string): "best" | "worst" | null {
  if (answer.kind === "best") return answer.best === slot ? "best" : null;
  if (answer.kind === "best-worst") return answer.best === slot ? "best" : answer.worst === slot ? "worst" : null;
  if (answer.kind === "ranking") return answer.ranking[0]?.includes(slot) === true ? "best" : null;
  return null;
}

/** Flags by slot. */
export type Flags = Readonly<Record<string, readonly Flag[]>>;

/** Every flag, with its key in the panel. */
export const FLAG_KEYS: readonly (readonly [flag: Flag, key: string])[] = [
  ["nsfw", "N"],
  ["artefact", "A"],
  ["text", "T"],
  ["duplicate", "D"],
  ["corrupt", "C"],
];

/** Sets a flag, or clears it if it is set. */
export function toggleFlag(flags: Flags, slot: string, flag: Flag): Flags {
  const before = flags[slot] ?? [];
  const after = before.includes(flag) ? before.filter((each) => each !== flag) : [...before, flag];
  return Object.fromEntries(Object.entries({ ...flags, [slot]: after }).filter(([, marks]) => marks.length > 0));
}
