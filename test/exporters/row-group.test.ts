import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { SchemaElement } from "hyparquet";
import { describe, expect, test } from "vitest";
import { PieceWriter, writeRowGroup } from "../../src/exporters/row-group.ts";

const SCHEMA: SchemaElement[] = [
  { name: "schema", num_children: 5 },
  { name: "id", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  { name: "image", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
  { name: "same", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  { name: "margin", type: "DOUBLE", repetition_type: "OPTIONAL" },
  { name: "seed", type: "INT64", repetition_type: "REQUIRED" },
];

/** From nothing over many a page to several times a page. */
const LENGTHS = [0, 10, 65_535, 65_536, 400_000, 400_000, 400_000, 1_048_576, 3_000_000, 7];

const data = (count: number) => ({
  id: Array.from({ length: count }, (_, index) => `d_${index}`.repeat(40_000)),
  image: Array.from({ length: count }, (_, index) => Buffer.alloc(LENGTHS[index % LENGTHS.length] ?? 0, index)),
  same: Array.from({ length: count }, () => "the same text in every row"),
  margin: Array.from({ length: count }, (_, index) => (index % 3 === 0 ? null : index / 7)),
  seed: Array.from({ length: count }, (_, index) => BigInt(index)),
});

describe("writeRowGroup()", () => {
  test.each([[[1]], [[10, 3]], [[20]]])("gives the bytes of ParquetWriter.write() for row groups of %j", async (groups) => {
    const given = { schema: SCHEMA, codec: "UNCOMPRESSED", createdBy: "test" } as const;
    const [whole, pieces] = [new ByteWriter(), new PieceWriter()];
    const [theirs, ours] = [new ParquetWriter({ writer: whole, ...given }), new ParquetWriter({ writer: pieces, ...given })];
    const taken: Buffer[] = [];
    for (const count of groups) {
      const columns = Object.entries(data(count)).map(([name, values]) => ({ name, data: values, isRaw: name === "image" }));
      await theirs.write({
        columnData: columns.map(({ isRaw, ...column }) =>
          isRaw ? { ...column, encoding: "PLAIN", statistics: false, offsetIndex: false } : column,
        ),
        rowGroupSize: count,
      });
      writeRowGroup(ours, columns, count);
      taken.push(...pieces.take().map((piece) => Buffer.from(piece)));
    }
    await theirs.finish();
    await ours.finish();
    taken.push(...pieces.take().map((piece) => Buffer.from(piece)));
    expect(Buffer.concat(taken).equals(Buffer.from(whole.getBytes()))).toBe(true);
  });

  test("does not copy an image", () => {
    const writer = new PieceWriter();
    const parquet = new ParquetWriter({ writer, schema: SCHEMA, codec: "UNCOMPRESSED" });
    const image = Buffer.alloc(100_000);
    const columns = Object.entries({ ...data(1), image: [image] });
    writeRowGroup(
      parquet,
      columns.map(([name, values]) => ({ name, data: values, isRaw: name === "image" })),
      1,
    );
    expect(writer.take().includes(image)).toBe(true);
  });
});
