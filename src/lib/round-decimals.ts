/** Decimals that scores, margins and agreements are rounded to. */
const DECIMALS = 6;

const SCALE = 10 ** DECIMALS;
/** Below it `value * SCALE` is off by less than 2^-13 from what it stands for. */
const SCALED_MAX = 2 ** 40;
/** Distance from a half within which only the exact value decides the direction. */
const HALF_GUARD = 0.001;

/**
 * Rounds to the 6 decimals that rows carry, −0 as 0; what is not finite stays as it is. Whatever is compared, kept or exported goes through
 * this one function, so that a row never shows two values of one score, nor scores that are equal beside a margin that is not 0.
 */
export function roundDecimals(value: number): number {
  if (!Number.isFinite(value)) return value;
  const scaled = value * SCALE;
  const whole = Math.round(scaled);
  // A quotient of two integers is the double nearest to the decimal, as one that is read from text: this is a tenth of the work.
  if (Math.abs(scaled) < SCALED_MAX && Math.abs(scaled - whole) < 0.5 - HALF_GUARD) return whole / SCALE + 0;
  // toFixed() rounds the exact value; multiplying first would round twice and overflow. `+ 0` turns −0 into 0.
  return Number(value.toFixed(DECIMALS)) + 0;
}
