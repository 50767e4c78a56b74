import { hash } from "node:crypto";
import { ConfigError } from "../../errors.ts";

/** In the order in which ratios are added up. An image that two splits would show stays in the first of them. */
export const SPLITS = ["train", "validation", "test"] as const;

export type Split = (typeof SPLITS)[number];

export type SplitRatios = Readonly<Record<Split, number>>;

/** With fewer prompts, a hundredth of them is too few to measure anything. */
export const SPLIT_PROMPTS_MIN = 1_000;

const DEFAULT_RATIOS: SplitRatios = { train: 98, validation: 1, test: 1 };
const ALL_TRAIN: SplitRatios = { train: 100, validation: 0, test: 0 };

/** Chooses the ratios of a dataset that has none yet. */
export function firstRatios(written: SplitRatios | undefined, prompts: number): SplitRatios {
  return written ?? (prompts < SPLIT_PROMPTS_MIN ? ALL_TRAIN : DEFAULT_RATIOS);
}

/**
 * Returns a function that chooses the split of a group key: the first 64 bits of SHA-256("split v1" ‖ group key) against the cumulated
 * ratios, in exact arithmetic. The split depends on nothing else, so that a prompt never moves as data grows.
 * @throws {ConfigError} if the ratios sum up to 0.
 */
export function splitter(ratios: SplitRatios): (groupKey: string) => Split {
  const [train, validation, test] = toIntegers(SPLITS.map((split) => ratios[split]));
  const total = train + validation + test;
  if (total === 0n) throw new ConfigError("Cannot split the dataset: export.splits sums up to 0", { hint: "give train a ratio over 0" });
  return (groupKey) => {
    const digest = hash("sha256", `split v1${groupKey}`, "buffer");
    const point = digest.readBigUInt64BE(0) * total;
    if (point < train << 64n) return "train";
    return point < (train + validation) << 64n ? "validation" : "test";
  };
}

/** Returns the ratios as integers: decimals times one power of ten. */
function toIntegers(ratios: readonly number[]): readonly [bigint, bigint, bigint] {
  const decimals = ratios.map(toDecimal);
  const places = Math.max(...decimals.map((decimal) => decimal.places));
  const [train = 0n, validation = 0n, test = 0n] = decimals.map((decimal) => decimal.digits * 10n ** BigInt(places - decimal.places));
  return [train, validation, test];
}

/** Returns the shortest decimal of a number as `digits` / 10^`places`: 0.1 is exactly a tenth. */
function toDecimal(ratio: number): { readonly digits: bigint; readonly places: number } {
  const [mantissa = "0", exponent = "0"] = String(ratio).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places < 0 ? { digits: digits * 10n ** BigInt(-places), places: 0 } : { digits, places };
}

/** UTF-16 sorts surrogate pairs before these characters, UTF-8 after them. Both agree on all others. */
const SORTED_OTHERWISE = /[\ud800-\uffff]/;

/**
 * Returns the key that prompts share which must be in one split: SHA-256 (hex) over the casefolded, NFKC-normalised words without
 * punctuation (Unicode's P), sorted in code point order, each once, joined by spaces. It depends on the prompt alone.
 */
export function computeGroupKey(prompt: string): string {
  const words = foldCase(prompt.toWellFormed())
    .normalize("NFKC")
    .replace(/\p{P}/gu, "")
    .split(/\s+/u)
    .filter((word) => word !== "");
  return hash("sha256", sortedByCodePoint([...new Set(words)]).join(" "));
}

function sortedByCodePoint(words: readonly string[]): readonly string[] {
  if (!words.some((word) => SORTED_OTHERWISE.test(word))) return words.toSorted();
  return words.toSorted((first, second) => Buffer.compare(Buffer.from(first), Buffer.from(second)));
}

/** Letters whose upper case in lower case is not their folding: dotless i has none, Cherokee folds to its upper case. */
const OWN_FOLDING = /[ıᎠ-Ᏽᏸ-ᏽꭰ-ꮿ]/u;
const FOLDED_ALIKE = /[^ıᎠ-Ᏽᏸ-ᏽꭰ-ꮿ]+/gu;
const CHEROKEE_SMALL = /[ᏸ-ᏽꭰ-ꮿ]/gu;

/**
 * Folds case as Unicode does in full (CaseFolding.txt, C and F), which JavaScript cannot: "Straße" and "STRASSE" fold to one text. Compared
 * with Python's str.casefold() for every code point of Unicode 14.
 */
export function foldCase(text: string): string {
  if (!OWN_FOLDING.test(text)) return foldRun(text);
  return text.replace(FOLDED_ALIKE, foldRun).replace(CHEROKEE_SMALL, (letter) => letter.toUpperCase());
}

function foldRun(run: string): string {
  // To lower case first, because "ẞ" has no other upper case. The lower case of Σ depends on what follows it.
  return run.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}
