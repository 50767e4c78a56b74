import type { Answer, TaskKind, Flag } from "../api.ts";

/** What of an answer is chosen so far: slots best first, tied ones in one inner list. */
export interface Picks {
  readonly tiers: readonly (readonly string[])[];
  /** True: the next slot is as good as the last one. */
  readonly joins: boolean;
}

export const NO_PICKS: Picks = { tiers: [], joins: false };

export interface Asked {
  readonly kind: TaskKind;
  readonly slots: readonly string[];
}

/** Still picking, or done. */
export type Picked = { readonly picks: Picks; readonly answer: null } | { readonly picks: null; readonly answer: Answer };

/** Somebody chose an image: the best, then (as the task asks for it) the worst, or the next in order. */
export function pick(picks: Picks, slot: string, { kind, slots }: Asked): Picked {
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

/** T: all are equal; in the middle of a ranking, the next image is as good as the last one. */
export function pickTie(picks: Picks, { kind }: Pick<Asked, "kind">): Picked {
  if (kind === "rank" && picks.tiers.length > 0) return { picks: { ...picks, joins: !picks.joins }, answer: null };
  return { picks: null, answer: { kind: "tie" } };
}

/** Which place a slot has so far, from 1; tied slots share one. Null: none yet. */
export function findRank(picks: Picks, slot: string): number | null {
  const tier = picks.tiers.findIndex((slots) => slots.includes(slot));
  return tier === -1 ? null : picks.tiers.slice(0, tier).flat().length + 1;
}

/** The places that an answer gives to a slot, to be shown when a vote is taken back. */
export function findChosenPlace(answer: Answer, slot: string): "best" | "worst" | null {
  if (answer.kind === "best") return answer.best === slot ? "best" : null;
  if (answer.kind === "best-worst") return answer.best === slot ? "best" : answer.worst === slot ? "worst" : null;
  if (answer.kind === "ranking") return answer.ranking[0]?.includes(slot) === true ? "best" : null;
  return null;
}

/** By slot. */
export type Flags = Readonly<Record<string, readonly Flag[]>>;

/** Every flag, with the key that sets it in the panel. */
export const FLAG_KEYS: readonly (readonly [flag: Flag, key: string])[] = [
  ["nsfw", "N"],
  ["artefact", "A"],
  ["text", "T"],
  ["duplicate", "D"],
  ["corrupt", "C"],
];

/** Sets a flag that is not there, and clears one that is. */
export function toggleFlag(flags: Flags, slot: string, flag: Flag): Flags {
  const before = flags[slot] ?? [];
  const after = before.includes(flag) ? before.filter((each) => each !== flag) : [...before, flag];
  return Object.fromEntries(Object.entries({ ...flags, [slot]: after }).filter(([, marks]) => marks.length > 0));
}
