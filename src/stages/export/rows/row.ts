import type { ImageScoreRecord, RowImageRecord, RowRecord, RowReferenceRecord } from "../../../db/queries/export/row-records.ts";
import type { ImageCell, Row } from "../../../exporters/row.ts";
import { floatText, roundFloat } from "../../../exporters/row-columns.ts";
import { canonicalJson, isJsonArray, isJsonObject, parseExact, type Json, type JsonObject } from "../../../lib/exact-json.ts";
import { withoutSecretValues } from "../../../lib/secret-names.ts";
import { rowIdOf } from "../../../identity.ts";

interface VariantFacts {
  readonly model: string;
  readonly params: JsonObject;
  /** The same as JSON, for rows whose prompt adds nothing. */
  readonly paramsJson: string;
}

/** Facts that all rows of an export share. */
export interface RowFacts {
  /** Keyed by the variant's name. */
  readonly variants: ReadonlyMap<string, VariantFacts>;
  /** The version of each judge whose scores count, by name. */
  readonly judgeVersions: ReadonlyMap<string, string>;
}

export function rowFacts(
  variants: Parameters<typeof variantFacts>[0],
  judges: readonly { readonly name: string; readonly version: string }[],
): RowFacts {
  return { variants: variantFacts(variants), judgeVersions: new Map(judges.map(({ name, version }) => [name, version])) };
}

/** Reads every variant's parameters once, not once an image. */
export function variantFacts(
  rows: readonly { readonly variant: string; readonly model: string; readonly params: string }[],
): RowFacts["variants"] {
  return new Map(
    rows.map(({ variant, model, params }) => {
      const parsed = withoutSecretValues(parseObject(params)); // Databases of earlier programs keep secrets.
      return [variant, { model, params: parsed, paramsJson: sortedJson(parsed) }];
    }),
  );
}

export interface RowRecords {
  readonly row: RowRecord;
  /** The chosen first, then the rejected, best first. */
  readonly images: readonly RowImageRecord[];
  /** In any order. */
  readonly references: readonly RowReferenceRecord[];
  /** Keyed by image_id. */
  readonly scores: ReadonlyMap<string, readonly ImageScoreRecord[]>;
}

/** Makes a training row of its records. Pure. Nothing that differs from night to night goes into a row. */
export function toRow({ row, images, references, scores }: RowRecords, facts: RowFacts): Row {
  const paramsByVariant = new Map<string, string>();
  const [chosen, ...rejected] = images.map((image) =>
    imageCell(image, { row, scores: scores.get(image.imageId) ?? [], facts, paramsByVariant }),
  );
  if (chosen === undefined || rejected.length === 0) throw new Error(`row ${row.rowId} lacks images`);
  return {
    id: row.rowId,
    prompt: row.prompt,
    chosen,
    rejected,
    promptKey: row.promptKey,
    negativePrompt: row.negative,
    criterion: row.criterion,
    source: row.source,
    margin: computeMargin(chosen.score, { rejectedScore: rejected[0]?.score ?? null, kept: row.margin }),
    agreement: roundFloat(row.agreement),
    nVotes: row.nVotes,
    nCandidates: row.nCandidates,
    references: references
      .toSorted((first, second) => (first.name < second.name ? -1 : 1))
      .map(({ name, uri, sha256 }) => ({ name, uri, sha256 })),
    meta: metaOf(row),
  };
}

/**
 * Returns the margin of two scores as they are exported, so that whoever subtracts these gets the same. Where a score is missing, it is the
 * margin that linking kept.
 */
export function computeMargin(
  chosenScore: number | null,
  { rejectedScore, kept }: { readonly rejectedScore: number | null; readonly kept: number | null },
): number | null {
  const [chosen, rejected] = [roundFloat(chosenScore), roundFloat(rejectedScore)];
  return roundFloat(chosen === null || rejected === null ? kept : chosen - rejected);
}

interface ImageContext {
  readonly row: RowRecord;
  readonly scores: readonly ImageScoreRecord[];
  readonly facts: RowFacts;
  /** Parameters by variant. Images of a row with one variant share them. */
  readonly paramsByVariant: Map<string, string>;
}

function imageCell(image: RowImageRecord, { row, scores, facts, paramsByVariant }: ImageContext): ImageCell {
  const { uri, sha256, widthPx, heightPx, seed, batchIndex, imageId } = image;
  const variant = facts.variants.get(image.variant);
  if (uri === null || sha256 === null || widthPx === null || heightPx === null || variant === undefined) {
    throw new Error(`image ${imageId} is linked, and was never stored and inspected`);
  }
  const ownParams = (name: string): string => {
    const known = paramsByVariant.get(name) ?? paramsOf(variant, row);
    paramsByVariant.set(name, known);
    return known;
  };
  return {
    uri,
    seed,
    batchIndex,
    imageId,
    sha256,
    widthPx,
    heightPx,
    variant: image.variant,
    model: variant.model,
    // An adopted image has its own parameters. The text sent and the bound values need not be what made it.
    params: image.params === null ? ownParams(image.variant) : sortedJson(withoutSecretValues(parseObject(image.params))),
    score: roundFloat(image.score),
    scores: scoresJson(scores, facts.judgeVersions),
  };
}

/** Returns set and bound values, and under `prompt` the text that the model was sent instead of the prompt. */
function paramsOf({ params, paramsJson }: VariantFacts, { bound, sent, prompt }: RowRecord): string {
  if (bound === "{}" && sent === prompt) return paramsJson;
  const values = { ...params, ...withoutSecretValues(parseObject(bound)) };
  return sortedJson(sent === prompt ? values : { ...values, prompt: sent });
}

/** Returns kept columns, and the user's own key under `source_id`. */
function metaOf({ meta, sourceId }: RowRecord): string {
  if (meta === "{}" && sourceId === null) return meta;
  const kept = parseObject(meta);
  return sortedJson(sourceId === null ? kept : { source_id: sourceId, ...kept });
}

function scoresJson(scores: readonly ImageScoreRecord[], versions: RowFacts["judgeVersions"]): string {
  const current = scores.filter(({ judge, version }) => versions.get(judge) === version);
  if (current.length === 0) return "{}";
  const [only] = current;
  if (current.length === 1 && only !== undefined) return `{${scoreField(only)}}`;
  const fields = current.toSorted((first, second) => (first.judge < second.judge ? -1 : 1)).map(scoreField);
  return `{${fields.join(",")}}`;
}

function scoreField({ judge, score }: ImageScoreRecord): string {
  const rounded = roundFloat(score);
  return `${JSON.stringify(judge)}:${rounded === null ? "null" : floatText(rounded)}`;
}

function parseObject(text: string): JsonObject {
  if (text === "{}") return {};
  const value = parseExact(text);
  if (!isJsonObject(value)) throw new Error(`the database holds ${text.slice(0, 80)} where an object belongs`);
  return value;
}

/** Returns canonical JSON of well-formed strings. A lone surrogate would come back when the JSON is parsed. */
function sortedJson(value: JsonObject): string {
  const text = canonicalJson(value);
  // canonicalJson writes lone surrogates, and nothing else, as \ud8xx.
  return text.includes("\\ud") ? canonicalJson(wellFormed(value)) : text;
}

function wellFormed(value: Json): Json {
  if (typeof value === "string") return value.toWellFormed();
  if (isJsonArray(value)) return value.map(wellFormed);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
}

/** One chosen and one rejected image of a row. */
export interface RowPair {
  /** The id that a row of these two would have. */
  readonly id: string;
  readonly row: Row;
  readonly chosen: ImageCell;
  readonly rejected: ImageCell;
  readonly margin: number | null;
}

/** Lists the pairs of a row, in the order of its rejected images. */
export function listPairs(row: Row): readonly RowPair[] {
  const { chosen, promptKey, criterion } = row;
  return row.rejected.map((rejected, index) => ({
    id: rowIdOf(promptKey, criterion, chosen.imageId, [rejected.imageId]),
    row,
    chosen,
    rejected,
    // Linking kept the margin of the first pair.
    margin: computeMargin(chosen.score, { rejectedScore: rejected.score, kept: index === 0 ? row.margin : null }),
  }));
}
