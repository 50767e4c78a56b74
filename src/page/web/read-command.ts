/** The command of a key. `pick` counts images from 0. */
export type Command =
  | { readonly kind: "pick"; readonly index: number }
  | { readonly kind: "tie" | "both-bad" | "skip" | "undo" | "flags" | "guidelines" | "negative" | "zoom" | "keys" | "close" }
  | { readonly kind: "zoom-by"; readonly factor: number }
  | { readonly kind: "pan"; readonly x: -1 | 0 | 1; readonly y: -1 | 0 | 1 };

/** The part of a KeyboardEvent that decides. */
export interface Key {
  readonly key: string;
  readonly code: string;
  readonly repeat: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

const LETTERS = {
  t: "tie",
  b: "both-bad",
  s: "skip",
  z: "undo",
  f: "flags",
  g: "guidelines",
  n: "negative",
} as const;

const PANS: Readonly<Record<string, Command>> = {
  ArrowLeft: { kind: "pan", x: 1, y: 0 },
  ArrowRight: { kind: "pan", x: -1, y: 0 },
  ArrowUp: { kind: "pan", x: 0, y: 1 },
  ArrowDown: { kind: "pan", x: 0, y: -1 },
};

/** Zoom factor of one press of + or −. */
const STEP = 1.25;

/**
 * Returns the command of a key, or null. A key that is held down pans and zooms, and never chooses twice. Letters are read from the key's
 * character, or from its position if an input method hides that. Digits are read by position, because some keyboards need Shift for them.
 */
export function readCommand({ key, code, repeat, ctrlKey, metaKey, altKey }: Key): Command | null {
  if (ctrlKey || metaKey || altKey) return null;
  const pan = PANS[key];
  if (pan !== undefined) return pan;
  if (key === "+" || key === "=") return { kind: "zoom-by", factor: STEP };
  if (key === "-") return { kind: "zoom-by", factor: 1 / STEP };
  if (repeat) return null;
  if (key === " ") return { kind: "zoom" };
  if (key === "?") return { kind: "keys" };
  if (key === "Escape") return { kind: "close" };
  const digit = /^(?:Digit|Numpad)([1-4])$/.exec(code)?.[1] ?? /^[1-4]$/.exec(key)?.[0];
  if (digit !== undefined) return { kind: "pick", index: Number(digit) - 1 };
  const letter = /^[a-z]$/i.test(key) ? key.toLowerCase() : /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
  const kind = Object.entries(LETTERS).find(([each]) => each === letter)?.[1];
  return kind === undefined ? null : { kind };
}
