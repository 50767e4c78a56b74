import { ConfigError } from "../errors.ts";

/** True for an option that was typed. */
export function isGiven(value: string | boolean | undefined): boolean {
  return value !== undefined && value !== false;
}

export interface Bounds {
  readonly from: number;
  /** Default: no bound but that of exact numbers. */
  readonly to?: number;
}

/** Reads the whole number of an option, undefined where the option was not typed. @throws {ConfigError} for anything else. */
export function readWholeNumber(
  flag: `--${string}`,
  value: string | undefined,
  { from, to = Number.MAX_SAFE_INTEGER }: Bounds,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= from && number <= to) return number;
  const upTo = to === Number.MAX_SAFE_INTEGER ? "" : ` to ${to}`;
  throw new ConfigError(`Cannot read ${flag} ${value}: expected a whole number from ${from}${upTo}`);
}
