import { DAY_MS, HOUR_MS, MINUTE_MS } from "./units.ts";

/** Returns a number with its noun: `1 image`, `2 images`. Give `many` if an s does not do. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const SIZE_UNITS = [
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "KB"],
] as const;

/** Returns a size for people, in the largest unit that leaves a digit before the point: `2.9 MB`. */
export function byteSize(bytes: number): string {
  for (const [size, unit] of SIZE_UNITS) if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  return `${Math.round(bytes)} bytes`;
}

const AGO_UNITS = [
  [DAY_MS, "d"],
  [HOUR_MS, "h"],
  [MINUTE_MS, "min"],
  [1_000, "s"],
] as const;

/** Returns an age in the largest unit that fits: `12 min ago`, `just now`. */
export function ago(elapsedMs: number): string {
  for (const [unitMs, unit] of AGO_UNITS) if (elapsedMs >= unitMs) return `${Math.floor(elapsedMs / unitMs)} ${unit} ago`;
  return "just now";
}
