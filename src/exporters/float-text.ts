/** Decimals that scores, margin and agreement are rounded to. */
const DECIMALS = 6;

const SCALE = 10 ** DECIMALS;
/** Below it `value * SCALE` is off by less than 2^-13 from what it stands for. */
const SCALED_MAX = 2 ** 40;
/** How near a half it may be: there only the exact value says which way. */
const HALF_GUARD = 0.001;

/** To 6 decimals, −0 as 0; null for what JSON has no number for. */
export function roundFloat(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  const scaled = value * SCALE;
  const whole = Math.round(scaled);
  // A quotient of two integers is the double nearest to the decimal, as one that is read from text: this is a tenth of the work.
  if (Math.abs(scaled) < SCALED_MAX && Math.abs(scaled - whole) < 0.5 - HALF_GUARD) return whole / SCALE + 0;
  // toFixed() rounds the exact value; multiplying first would round twice and overflow. `+ 0` turns −0 into 0.
  return Number(value.toFixed(DECIMALS)) + 0;
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
