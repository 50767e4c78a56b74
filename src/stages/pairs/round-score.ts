/** To the 6 decimals that rows carry, so that what is compared is what is exported: no row shows equal scores or the margin 0. */
export function roundScore(value: number): number {
  // Beyond 2^53 / 10^6 the product would lose digits, and such numbers have no sixth decimal.
  return Math.abs(value) > 9e9 ? value : Math.round(value * 1e6) / 1e6;
}
