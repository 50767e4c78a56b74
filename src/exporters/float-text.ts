import { roundDecimals } from "../lib/round-decimals.ts";

/** Rounds to the 6 decimals of rows; null for what JSON has no number for. */
export function roundFloat(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : roundDecimals(value);
}

/**
 * The shortest JSON number that reads back as `value`, with a point in it: loaders take a column whose first numbers have none for
 * integers, and fail at the first that has one.
 */
export function floatText(value: number): string {
  const text = String(value + 0);
  if (text.includes(".")) return text;
  return text.includes("e") ? text.replace("e", ".0e") : `${text}.0`;
}
