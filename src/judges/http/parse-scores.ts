import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";
import { isHtml, serverWords } from "../../lib/http/failure.ts";
import type { Score } from "../judge.ts";

/** The scores in the order of `ids`, or why the answer is none. */
export type ParsedScores = { readonly scores: readonly Score[] } | { readonly why: string };

const EXPECTED = 'expected {"scores": [{"id", "score"}, …]}';

/**
 * Reads `{scores: [{id, score, sigma?}]}` for the images that were asked about, in any order. A score of null, NaN or Infinity is null:
 * the judge could not tell. An answer that leaves one out, or names one that was not asked about or twice, is not trusted at all.
 */
export function parseScores(text: string, ids: readonly string[]): ParsedScores {
  if (isHtml(text)) return { why: `it answers HTML, ${EXPECTED}` };
  const answer = tryParsePython(text);
  const scores = isJsonObject(answer) ? answer["scores"] : undefined;
  if (!isJsonArray(scores)) return { why: `its answer is ${text === "" ? "empty" : serverWords(text)}, ${EXPECTED}` };
  if (scores.length !== ids.length) return { why: `it answers ${scores.length} scores for ${ids.length} images` };
  const wanted = new Set(ids);
  const byId = new Map<string, Score>();
  for (const each of scores) {
    if (!isJsonObject(each)) return { why: `one of its scores is ${shown(each)}, ${EXPECTED}` };
    const { id, score, sigma } = each;
    if (typeof id !== "string" || !wanted.has(id)) return { why: `it scores an image that it was not asked about: ${shown(id)}` };
    if (byId.has(id)) return { why: `it scores the image ${id} twice` };
    if (score !== null && !isNumber(score)) return { why: `its score of the image ${id} is ${shown(score)}, expected a number or null` };
    byId.set(id, { imageId: id, score: finiteOrNull(score), ...spreadOf(sigma) });
  }
  return { scores: ids.flatMap((id) => byId.get(id) ?? []) };
}

function isNumber(value: Json | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function finiteOrNull(score: number | bigint | null): number | null {
  const value = score === null ? Number.NaN : Number(score);
  return Number.isFinite(value) ? value : null;
}

/** A sigma that is none is left out: it is extra. */
function spreadOf(sigma: Json | undefined): { readonly sigma?: number } {
  return isNumber(sigma) && Number.isFinite(Number(sigma)) && Number(sigma) >= 0 ? { sigma: Number(sigma) } : {};
}

function shown(value: Json | undefined): string {
  return value === undefined ? "missing" : serverWords(typeof value === "bigint" ? value.toString() : JSON.stringify(value));
}
