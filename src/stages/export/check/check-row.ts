import type { ImageCell, Row, RowLayout } from "../../../exporters/row.ts";
import { roundFloat, rowColumns, rowJson, type Feature, type Field, type ScalarFeature } from "../../../exporters/row-columns.ts";
import { rowIdOf } from "../../../identity.ts";
import { canonicalJson, isJsonArray, isJsonObject, parseExact, type Json, type JsonObject } from "../../../lib/exact-json.ts";
import { computeMargin } from "../rows/row.ts";
import { tableRowJson, type TableRow, parseTableRow } from "../../../exporters/table-row.ts";
import { findTable } from "../tables/registry.ts";

export interface CheckedRow {
  /** Null if the line does not have the shape of a row. */
  readonly row: Row | null;
  /** Problems, in words that follow "the row". */
  readonly problems: readonly string[];
}

/** Checks lines of one export against every rule that a row alone can break. */
export function rowChecker(layout: RowLayout): (line: string) => CheckedRow {
  const columns = rowColumns(layout);
  return (line) => {
    let value: Json;
    try {
      value = parseExact(line);
    } catch {
      return { row: null, problems: ["is no JSON"] }; // SyntaxError is all that parseExact throws.
    }
    const problems = structProblems(value, columns, "");
    if (problems.length > 0 || !isJsonObject(value)) return { row: null, problems };
    const row = toRow(value);
    const form = rowJson(columns, row) === line ? [] : ["is not written as this program writes it (spaces, numbers or escapes differ)"];
    return { row, problems: [...form, ...choiceProblems(row), ...(layout.fields === "full" ? fullProblems(row) : [])] };
  };
}

/** Lists where a value does not have the shape of its columns. */
export function structProblems(value: Json | undefined, fields: readonly Field[], path: string): readonly string[] {
  if (!isJsonObject(value)) return [`has no object at ${path || "its top"}`];
  const [keys, expected] = [Object.keys(value).join(), fields.map(({ name }) => name).join()];
  if (keys !== expected) return [`has the keys ${keys} at ${path || "its top"}, expected ${expected}`];
  return fields.flatMap(({ name, feature }) => featureProblems(value[name], feature, path === "" ? name : `${path}.${name}`));
}

function featureProblems(value: Json | undefined, feature: Feature, path: string): readonly string[] {
  if ("struct" in feature) return structProblems(value, feature.struct, path);
  if ("list" in feature) {
    if (!isJsonArray(value)) return [`has no list at ${path}`];
    return value.flatMap((item, index) => structProblems(item, feature.list, `${path}[${index}]`));
  }
  if ("items" in feature) {
    const { dtype } = feature.items;
    return isJsonArray(value) && value.every((item) => isOfType(item, dtype)) ? [] : [`has no list of ${dtype} at ${path}`];
  }
  return isOfType(value, feature.dtype) ? [] : [`has no ${feature.dtype} at ${path}`];
}

function isOfType(value: Json | undefined, dtype: ScalarFeature["dtype"]): boolean {
  if (dtype === "string") return typeof value === "string" && value.isWellFormed();
  if (dtype === "bool") return typeof value === "boolean";
  if (dtype === "int64") return Number.isSafeInteger(value);
  if (dtype === "uint64") return typeof value === "string" && /^(?:0|[1-9]\d{0,19}|-1)$/.test(value);
  return value === null || (typeof value === "number" && Number.isFinite(value));
}

/** Makes a row of a value whose shape was checked. What a minimal row does not have is empty. */
function toRow(value: JsonObject): Row {
  const rejected = value["rejected"];
  const references = value["references"];
  return {
    id: textAt(value, "id"),
    prompt: textAt(value, "prompt"),
    chosen: toImage(value["chosen"]),
    rejected: isJsonArray(rejected) ? rejected.map(toImage) : [],
    promptKey: textAt(value, "prompt_key"),
    negativePrompt: textAt(value, "negative_prompt"),
    criterion: textAt(value, "criterion"),
    source: textAt(value, "source"),
    margin: floatAt(value, "margin"),
    agreement: floatAt(value, "agreement"),
    nVotes: floatAt(value, "n_votes") ?? 0,
    nCandidates: floatAt(value, "n_candidates") ?? 0,
    references: isJsonArray(references)
      ? references
          .filter(isJsonObject)
          .map((item) => ({ name: textAt(item, "name"), uri: textAt(item, "uri"), sha256: textAt(item, "sha256") }))
      : [],
    meta: textAt(value, "meta"),
  };
}

function toImage(value: Json | undefined): ImageCell {
  const image = isJsonObject(value) ? value : {};
  const { seed = null } = image;
  return {
    uri: textAt(image, "uri"),
    seed: typeof seed === "string" ? seed : canonicalJson(seed),
    batchIndex: floatAt(image, "batch_index") ?? 0,
    imageId: textAt(image, "image_id"),
    sha256: textAt(image, "sha256"),
    widthPx: floatAt(image, "width") ?? 0,
    heightPx: floatAt(image, "height") ?? 0,
    variant: textAt(image, "variant"),
    model: textAt(image, "model"),
    params: textAt(image, "params"),
    score: floatAt(image, "score"),
    scores: textAt(image, "scores"),
  };
}

function textAt(value: JsonObject, key: string): string {
  const found = value[key];
  return typeof found === "string" ? found : "";
}

function floatAt(value: JsonObject, key: string): number | null {
  const found = value[key];
  return typeof found === "number" ? found : null;
}

/** Checks the rules that hold in every layout. */
function choiceProblems({ chosen, rejected, references }: Row): readonly string[] {
  const uris = [chosen, ...rejected].map(({ uri }) => uri);
  const all = [...uris, ...references.map(({ uri }) => uri)];
  return [
    ...(rejected.length === 0 ? ["has no rejected image"] : []),
    ...(new Set(uris).size === uris.length ? [] : ["shows an image twice"]),
    ...(all.some((uri) => /[?&]X-Amz-/i.test(uri)) ? ["has a presigned URI, which will expire"] : []),
  ];
}

const IMAGE_FORMS = { imageId: /^i_[0-9a-f]{32}$/, sha256: /^[0-9a-f]{64}$/ };

function fullProblems(row: Row): readonly string[] {
  const { chosen, rejected, margin, agreement } = row;
  const images = [chosen, ...rejected];
  const rules: readonly (readonly [boolean, string])[] = [
    [/^p_[0-9a-f]{32}$/.test(row.promptKey), "has no prompt_key of the right form"],
    [
      row.id ===
        rowIdOf(
          row.promptKey,
          row.criterion,
          chosen.imageId,
          rejected.map(({ imageId }) => imageId),
        ),
      "has an id that is not its own",
    ],
    [/^(?:people|combined|judge:.+)$/.test(row.source), `has the source ${row.source}`],
    [
      images.every(({ imageId, sha256 }) => IMAGE_FORMS.imageId.test(imageId) && IMAGE_FORMS.sha256.test(sha256)),
      "has an image_id or sha256 that is none",
    ],
    [
      rejected.every(({ imageId, sha256 }) => imageId !== chosen.imageId && sha256 !== chosen.sha256),
      "has its chosen image among the rejected",
    ],
    [images.every(({ widthPx, heightPx }) => widthPx === chosen.widthPx && heightPx === chosen.heightPx), "has images of several sizes"],
    [
      images.every(({ widthPx, heightPx, batchIndex }) => widthPx > 0 && heightPx > 0 && batchIndex >= 0),
      "has an image without size or place",
    ],
    [isDescending(rejected.flatMap(({ score }) => (score === null ? [] : [score]))), "does not have its rejected images best first"],
    [
      margin === computeMargin(chosen.score, { rejectedScore: rejected[0]?.score ?? null, kept: margin }),
      "has a margin that is not the difference of its scores",
    ],
    [agreement === null || (agreement >= 0 && agreement <= 1), "has an agreement outside 0…1"],
    [row.nVotes >= 0 && row.nCandidates > rejected.length, "has a count that cannot be"],
    [
      [margin, agreement, ...images.map(({ score }) => score)].every((value) => value === roundFloat(value)),
      "has a score of more than 6 decimals",
    ],
    [
      [row.meta, ...images.map(({ params }) => params)].every(isCanonicalObject),
      "has meta or params that are no JSON object with sorted keys",
    ],
    [row.references.every(({ sha256 }) => IMAGE_FORMS.sha256.test(sha256)), "has a reference whose sha256 is none"],
    [isAscending(row.references.map(({ name }) => name)), "does not have its references by name, each once"],
    [images.every(({ scores }) => hasSortedKeys(scores)), "has scores that are no JSON object with sorted keys"],
  ];
  return rules.flatMap(([holds, problem]) => (holds ? [] : [problem]));
}

function isDescending(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value <= (values[index - 1] ?? value));
}

function isAscending(names: readonly string[]): boolean {
  return names.every((name, index) => index === 0 || name > (names[index - 1] ?? name));
}

function isCanonicalObject(text: string): boolean {
  const value = parsedOrNull(text);
  return isJsonObject(value) && canonicalJson(value) === text;
}

function hasSortedKeys(text: string): boolean {
  const value = parsedOrNull(text);
  // Scores are written with a point, canonical JSON is not.
  return isJsonObject(value) && Object.keys(value).join() === Object.keys(value).toSorted().join();
}

function parsedOrNull(text: string): Json {
  try {
    return parseExact(text);
  } catch {
    return null; // SyntaxError: the caller says that it is no object.
  }
}

export interface CheckedTableRow {
  /** Null if the line does not have the shape of a row. */
  readonly row: TableRow | null;
  /** Problems, in words that follow "the row". */
  readonly problems: readonly string[];
  /** URIs that it shows. */
  readonly uris: readonly string[];
}

/** Checks lines of a table beside `default` against what a row alone can break; null for a table that is not known. */
export function tableChecker(name: string, layout: RowLayout): ((line: string) => CheckedTableRow) | null {
  const table = findTable(name);
  if (table === undefined) return null;
  const fields = table.fields(layout);
  return (line) => {
    let value: Json;
    try {
      value = parseExact(line);
    } catch {
      return { row: null, problems: ["is no JSON"], uris: [] }; // SyntaxError is all that parseExact throws.
    }
    const shape = structProblems(value, fields, "");
    if (shape.length > 0) return { row: null, problems: shape, uris: [] };
    const row = parseTableRow(line);
    const form = tableRowJson(fields, row) === line ? [] : ["is not written as this program writes it (spaces, numbers or escapes differ)"];
    const uris = table.uris(row);
    const presigned = uris.some((uri) => /[?&]X-Amz-/i.test(uri)) ? ["has a presigned URI, which will expire"] : [];
    return { row, uris, problems: [...form, ...presigned, ...table.problems(row)] };
  };
}
