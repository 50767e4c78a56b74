import { median } from "./median.ts";

/** What a figure is wanted to be; inclusive. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One thing measured, once a run. */
export interface Figure {
  readonly scenario: string;
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly target: Target | null;
}

/** Whether the median is what was wanted; null where nothing was, or nothing could be measured. */
export function isMet({ values, target }: Figure): boolean | null {
  if (target === null || values.length === 0) return null;
  const middle = median(values);
  return middle >= (target.atLeast ?? -Infinity) && middle <= (target.atMost ?? Infinity);
}
