import type { Flag } from "../api.ts";

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
