import { hash } from "node:crypto";
import { ConfigError } from "../../../errors.ts";

/** In the order in which ratios are cumulated, and in which the first keeps an image that two would show. */
export const SPLITS = ["train", "validation", "test"] as const;

export type Split = (typeof SPLITS)[number];

export type SplitRatios = Readonly<Record<Split, number>>;

/** Below so many prompts a hundredth of them measures nothing. */
export const SPLIT_PROMPTS_MIN = 1_000;

const DEFAULT_RATIOS: SplitRatios = { train: 98, validation: 1, test: 1 };
const ALL_TRAIN: SplitRatios = { train: 100, validation: 0, test: 0 };

/** The ratios of a dataset that has none yet. */
export function firstRatios(written: SplitRatios | undefined, prompts: number): SplitRatios {
  return written ?? (prompts < SPLIT_PROMPTS_MIN ? ALL_TRAIN : DEFAULT_RATIOS);
}

/**
 * Answers a group key's split: the first 64 bits of SHA-256("split v1" ‖ group key) against the cumulated ratios, in exact arithmetic.
 * Depends on nothing else, so that a prompt never moves as data grows.
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

/** The same ratios as integers: decimals times one power of ten. */
function toIntegers(ratios: readonly number[]): readonly [bigint, bigint, bigint] {
  const decimals = ratios.map(toDecimal);
  const places = Math.max(...decimals.map((decimal) => decimal.places));
  const [train = 0n, validation = 0n, test = 0n] = decimals.map((decimal) => decimal.digits * 10n ** BigInt(places - decimal.places));
  return [train, validation, test];
}

/** `digits` / 10^`places`, of the shortest decimal that the number stands for: 0.1 is a tenth. */
function toDecimal(ratio: number): { readonly digits: bigint; readonly places: number } {
  const [mantissa = "0", exponent = "0"] = String(ratio).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places < 0 ? { digits: digits * 10n ** BigInt(-places), places: 0 } : { digits, places };
}
