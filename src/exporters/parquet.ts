import type { SchemaElement } from "hyparquet";
import { ParquetWriter } from "hyparquet-writer";
import type { RowLayout } from "./row.ts";
import type { ImageFormat, ImagePair } from "./image-format.ts";
import { writeRowGroup, type GroupColumn, PieceWriter } from "./row-group.ts";
import { MIB } from "../lib/units.ts";

/** Bytes of images in a row group, which is held in memory while it is written. Arrow reads a row group at a time, too. */
const ROW_GROUP_BYTES = 32 * MIB;
/** Limit for tiny images. `datasets` reads so many rows at a time by default. */
const ROW_GROUP_ROWS = 1_000;

interface ParquetColumn {
  readonly schema: SchemaElement;
  readonly valueOf: (pair: ImagePair) => unknown;
}

/** Pick-a-Pic's table: `jpg_0` has the bytes of the chosen image, `jpg_1` those of the rejected one. */
export const parquetFormat: ImageFormat = {
  format: "parquet",
  isPacked: true,
  about:
    "One row a pair, as Pick-a-Pic has them: `jpg_0` holds the bytes of the chosen picture, `jpg_1` those of the rejected one (in the format that they have, whatever the column's name), `label_0` is 1.0, `label_1` 0.0. Row groups of about 32 MB.",
  snippet: (split) => `from io import BytesIO
from PIL import Image as Pictures

ds = load_dataset("parquet", data_files={"${split}": f"{FOLDER}/parquet/${split}-*.parquet"}, split="${split}")
chosen, rejected = (Pictures.open(BytesIO(ds[0][name])).convert("RGB") for name in ("jpg_0", "jpg_1"))`,
  async write(pairs, { layout, filePath, write }) {
    await write(filePath("parquet"), encode(pairs, layout), "rows");
  },
};

async function* encode(pairs: AsyncIterable<ImagePair>, layout: RowLayout): AsyncGenerator<readonly Uint8Array[]> {
  const columns = listColumns(layout);
  const writer = new PieceWriter();
  const schema: SchemaElement[] = [{ name: "schema", num_children: columns.length }, ...columns.map((column) => column.schema)];
  // Images do not compress, and not every reader has every codec.
  const parquet = new ParquetWriter({ writer, schema, codec: "UNCOMPRESSED", createdBy: "comfy-dpo" });
  for await (const group of rowGroups(pairs)) {
    writeRowGroup(
      parquet,
      columns.map((column) => columnData(column, group)),
      group.length,
    );
    yield writer.take();
    for (const { chosen, rejected } of group.splice(0)) for (const { image } of [chosen, rejected]) image.done();
  }
  await parquet.finish();
  yield writer.take();
}

/** Yields groups of pairs. The caller empties each. */
async function* rowGroups(pairs: AsyncIterable<ImagePair>): AsyncGenerator<ImagePair[]> {
  let group: ImagePair[] = [];
  let sizeBytes = 0;
  for await (const pair of pairs) {
    group.push(pair);
    sizeBytes += pair.chosen.image.bytes.length + pair.rejected.image.bytes.length;
    if (sizeBytes < ROW_GROUP_BYTES && group.length < ROW_GROUP_ROWS) continue;
    yield group;
    group = [];
    sizeBytes = 0;
  }
  if (group.length > 0) yield group;
}

function columnData({ schema, valueOf }: ParquetColumn, group: readonly ImagePair[]): GroupColumn {
  const isRaw = schema.type === "BYTE_ARRAY" && schema.converted_type === undefined;
  return { name: schema.name, data: group.map(valueOf), isRaw };
}

/** Returns Pick-a-Pic's columns in its order, then those that it does not have. */
function listColumns({ seedFormat }: RowLayout): readonly ParquetColumn[] {
  return [
    flag("are_different", () => true),
    text("best_image_uid", ({ chosen }) => chosen.imageId),
    text("caption", ({ row }) => row.prompt),
    flag("has_label", () => true),
    text("image_0_uid", ({ chosen }) => chosen.imageId),
    text("image_0_url", ({ chosen }) => chosen.uri),
    text("image_1_uid", ({ rejected }) => rejected.imageId),
    text("image_1_url", ({ rejected }) => rejected.uri),
    bytes("jpg_0", ({ chosen }) => chosen.image.bytes),
    bytes("jpg_1", ({ rejected }) => rejected.image.bytes),
    float("label_0", () => 1),
    float("label_1", () => 0),
    text("model_0", ({ chosen }) => chosen.model),
    text("model_1", ({ rejected }) => rejected.model),
    integer("num_example_per_prompt", ({ examples }) => BigInt(examples)),
    text("id", ({ id }) => id),
    text("prompt_key", ({ row }) => row.promptKey),
    text("negative_prompt", ({ row }) => row.negativePrompt),
    text("criterion", ({ row }) => row.criterion),
    text("source", ({ row }) => row.source),
    seed("seed_0", seedFormat, ({ chosen }) => BigInt(chosen.seed)),
    seed("seed_1", seedFormat, ({ rejected }) => BigInt(rejected.seed)),
    nullableFloat("margin", ({ margin }) => margin),
  ];
}

type ValueOf<Value> = (pair: ImagePair) => Value;

function text(name: string, valueOf: ValueOf<string>): ParquetColumn {
  const schema: SchemaElement = { name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" };
  return { schema, valueOf: (pair) => valueOf(pair).toWellFormed() };
}

function bytes(name: string, valueOf: ValueOf<Uint8Array>): ParquetColumn {
  return { schema: { name, type: "BYTE_ARRAY", repetition_type: "REQUIRED" }, valueOf };
}

function flag(name: string, valueOf: ValueOf<boolean>): ParquetColumn {
  return { schema: { name, type: "BOOLEAN", repetition_type: "REQUIRED" }, valueOf };
}

function float(name: string, valueOf: ValueOf<number>): ParquetColumn {
  return { schema: { name, type: "DOUBLE", repetition_type: "REQUIRED" }, valueOf };
}

function nullableFloat(name: string, valueOf: ValueOf<number | null>): ParquetColumn {
  return { schema: { name, type: "DOUBLE", repetition_type: "OPTIONAL" }, valueOf };
}

function integer(name: string, valueOf: ValueOf<bigint>): ParquetColumn {
  return { schema: { name, type: "INT64", repetition_type: "REQUIRED" }, valueOf };
}

/** Returns the column of a seed: unsigned where rows have text, because such seeds reach 2^64 - 1. An unknown seed (-1) is null there. */
function seed(name: string, seedFormat: RowLayout["seedFormat"], valueOf: ValueOf<bigint>): ParquetColumn {
  if (seedFormat === "number") return integer(name, valueOf);
  const schema: SchemaElement = { name, type: "INT64", converted_type: "UINT_64", repetition_type: "OPTIONAL" };
  return { schema, valueOf: (pair) => (valueOf(pair) < 0n ? null : valueOf(pair)) };
}
