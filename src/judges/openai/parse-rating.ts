import type { Json } from "../../lib/exact-json.ts";
import { answerParts } from "./answer-parts.ts";
import { onlyValue } from "./only-value.ts";

/** A number alone, or out of ten. */
const BARE = /^\**(-?\d+(?:\.\d+)?)(?:\s*\/\s*10)?\**\.?$/;
/** `Final Score: 8`, `**Rating**: 7.5/10`, `the score is 3`. */
const LABELLED = /\b(?:score|rating)\b["*_\s]*(?:is|of)?["*_\s]*[:=]?["*_\s]*(-?\d+(?:\.\d+)?)/gi;

/** The rating in a model's answer, finite; null where it gave none, or several that differ. */
export function parseRating(answer: string): number | null {
  const parts = answerParts(answer);
  const given = parts.valueOf(["score", "rating"]);
  if (given !== undefined) return numberOf(given);
  const bare = BARE.exec(parts.text)?.[1];
  const found = bare === undefined ? [...parts.text.matchAll(LABELLED)].map((match) => Number(match[1])) : [Number(bare)];
  return onlyValue(found.filter(Number.isFinite));
}

function numberOf(value: Json): number | null {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") return null;
  const number = typeof value === "string" ? Number(BARE.exec(value.trim())?.[1] ?? Number.NaN) : Number(value);
  return Number.isFinite(number) ? number : null;
}
