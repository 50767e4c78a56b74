import type { ImageCell, OptionalColumn, ReferenceCell, Row, RowLayout } from "./row.ts";
import { roundDecimals } from "../lib/round-decimals.ts";

/** The type of a single value. */
export interface ScalarFeature {
  readonly dtype: "string" | "int64" | "uint64" | "float64" | "bool";
}

/** A column's type, as Hugging Face `datasets` names it. */
export type Feature =
  | ScalarFeature
  | { readonly struct: readonly Field[] }
  /** A list of structs. */
  | { readonly list: readonly Field[] }
  /** A list of scalars. */
  | { readonly items: ScalarFeature };

export interface Field {
  readonly name: string;
  readonly feature: Feature;
}

/** A key of a row, its type, and how its value is written. */
export interface Column<Cell> extends Field {
  readonly json: (cell: Cell) => string;
}

/** Returns the columns of an export, in the order in which every row has them. Rows, card and verification all follow this one table. */
export function rowColumns(layout: RowLayout): readonly Column<Row>[] {
  const imageOf = (side: "chosen" | "rejected"): readonly Column<ImageCell>[] => imageColumns(layout, side);
  const pair = [
    structColumn("chosen", (row: Row) => row.chosen, imageOf("chosen")),
    listColumn("rejected", (row: Row) => row.rejected, imageOf("rejected")),
  ];
  const prompt = stringColumn("prompt", (row: Row) => row.prompt);
  if (layout.fields === "minimal") return [prompt, ...pair];
  const has = (column: OptionalColumn): boolean => !layout.omitted.includes(column);
  return [
    stringColumn("id", (row: Row) => row.id),
    prompt,
    ...pair,
    stringColumn("prompt_key", (row: Row) => row.promptKey),
    stringColumn("negative_prompt", (row: Row) => row.negativePrompt),
    stringColumn("criterion", (row: Row) => row.criterion),
    stringColumn("source", (row: Row) => row.source),
    ...(has("margin") ? [floatColumn("margin", (row: Row) => row.margin)] : []),
    ...(has("agreement") ? [floatColumn("agreement", (row: Row) => row.agreement)] : []),
    integerColumn("n_votes", (row: Row) => row.nVotes),
    integerColumn("n_candidates", (row: Row) => row.nCandidates),
    ...(has("references") ? [listColumn("references", (row: Row) => row.references, REFERENCE_COLUMNS)] : []),
    stringColumn("meta", (row: Row) => row.meta),
  ];
}

/** Returns one row as a line of JSON, without the line feed. */
export function rowJson(columns: readonly Column<Row>[], row: Row): string {
  return objectJson(columns, row);
}

function imageColumns(layout: RowLayout, side: "chosen" | "rejected"): readonly Column<ImageCell>[] {
  const { fields, omitted } = layout;
  const uri = stringColumn("uri", (image: ImageCell) => image.uri);
  const seed = seedColumn(layout);
  if (fields === "minimal") return [uri, seed];
  return [
    uri,
    seed,
    integerColumn("batch_index", (image: ImageCell) => image.batchIndex),
    stringColumn("image_id", (image: ImageCell) => image.imageId),
    stringColumn("sha256", (image: ImageCell) => image.sha256),
    integerColumn("width", (image: ImageCell) => image.widthPx),
    integerColumn("height", (image: ImageCell) => image.heightPx),
    stringColumn("variant", (image: ImageCell) => image.variant),
    stringColumn("model", (image: ImageCell) => image.model),
    stringColumn("params", (image: ImageCell) => image.params),
    ...(omitted.includes(`${side}.score`) ? [] : [floatColumn("score", (image: ImageCell) => image.score)]),
    stringColumn("scores", (image: ImageCell) => image.scores),
  ];
}

const REFERENCE_COLUMNS: readonly Column<ReferenceCell>[] = [
  stringColumn("name", (reference: ReferenceCell) => reference.name),
  stringColumn("uri", (reference: ReferenceCell) => reference.uri),
  stringColumn("sha256", (reference: ReferenceCell) => reference.sha256),
];

/**
 * Returns the type of seeds. Seeds as text are pinned to uint64: loaders cast them exactly, while JSON numbers beyond 2^63 turn a whole
 * column into floats. One "-1" among them would make loaders refuse the dataset, so that they stay text there.
 */
export function seedFeature({ seedFormat, unknownSeeds = false }: Pick<RowLayout, "seedFormat" | "unknownSeeds">): ScalarFeature {
  if (seedFormat === "number") return { dtype: "int64" };
  return { dtype: unknownSeeds ? "string" : "uint64" };
}

function seedColumn(layout: RowLayout): Column<ImageCell> {
  const feature = seedFeature(layout);
  return { name: "seed", feature, json: layout.seedFormat === "number" ? ({ seed }) => seed : ({ seed }) => `"${seed}"` };
}

function stringColumn<Cell>(name: string, valueOf: (cell: Cell) => string): Column<Cell> {
  // A lone surrogate in one row makes loaders refuse the whole file.
  return { name, feature: { dtype: "string" }, json: (cell) => JSON.stringify(valueOf(cell).toWellFormed()) };
}

function integerColumn<Cell>(name: string, valueOf: (cell: Cell) => number): Column<Cell> {
  return { name, feature: { dtype: "int64" }, json: (cell) => String(valueOf(cell)) };
}

function floatColumn<Cell>(name: string, valueOf: (cell: Cell) => number | null): Column<Cell> {
  const json = (cell: Cell): string => {
    const value = valueOf(cell);
    return value === null ? "null" : floatText(value);
  };
  return { name, feature: { dtype: "float64" }, json };
}

function structColumn<Cell, Inner>(name: string, valueOf: (cell: Cell) => Inner, columns: readonly Column<Inner>[]): Column<Cell> {
  return { name, feature: { struct: columns }, json: (cell) => objectJson(columns, valueOf(cell)) };
}

function listColumn<Cell, Inner>(name: string, valueOf: (cell: Cell) => readonly Inner[], columns: readonly Column<Inner>[]): Column<Cell> {
  const json = (cell: Cell): string => {
    let text = "[";
    for (const inner of valueOf(cell)) text += (text === "[" ? "" : ",") + objectJson(columns, inner);
    return text + "]";
  };
  return { name, feature: { list: columns }, json };
}

function objectJson<Cell>(columns: readonly Column<Cell>[], cell: Cell): string {
  let text = "";
  let open = '{"';
  for (const { name, json } of columns) {
    text += open + name + '":' + json(cell);
    open = ',"';
  }
  return text + "}";
}

/** Rounds to the 6 decimals of rows. Returns null for what JSON has no number for. */
export function roundFloat(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : roundDecimals(value);
}

/**
 * Returns the shortest JSON number that reads back as `value`, always with a point: loaders take a column whose first numbers have none for
 * integers, and fail at the first that has one.
 */
export function floatText(value: number): string {
  const text = String(value + 0);
  if (text.includes(".")) return text;
  return text.includes("e") ? text.replace("e", ".0e") : `${text}.0`;
}
