import type { ColumnChunk, SchemaElement } from "hyparquet";
import { type ParquetWriter, ByteWriter } from "hyparquet-writer";
import { getPageBoundaries, writeColumn } from "hyparquet-writer/src/column.js";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import { encodeNestedValues } from "hyparquet-writer/src/dremel.js";
import { schemaPathResolver } from "hyparquet-writer/src/schema.js";
import { MIB } from "../lib/units.ts";

/** Page size in bytes, the default of ParquetWriter.write(). */
const PAGE_BYTES = MIB;

export interface GroupColumn {
  readonly name: string;
  readonly data: readonly unknown[];
  /**
   * True for bytes that are written unchanged, without a dictionary, which would hash them, and without statistics, which would compare
   * them.
   */
  readonly isRaw: boolean;
}

/**
 * Writes one row group, byte for byte as ParquetWriter.write() does. The library copies the pages of every column twice, which costs memory
 * and time with images. Here only page headers of image columns are made. All other columns, and the footer, are the library's.
 */
export function writeRowGroup(parquet: ParquetWriter, columns: readonly GroupColumn[], rows: number): void {
  const begun = parquet.writer.offset;
  const chunks = columns.map((column) => (column.isRaw ? writeRawColumn(parquet, column) : writeColumnChunk(parquet, column)));
  parquet.num_rows += BigInt(rows);
  parquet.row_groups.push({
    columns: chunks,
    total_byte_size: chunks.reduce((sum, { meta_data: facts }) => sum + (facts?.total_uncompressed_size ?? 0n), 0n),
    num_rows: BigInt(rows),
    total_compressed_size: BigInt(parquet.writer.offset - begun),
  });
}

function writeColumnChunk(parquet: ParquetWriter, { name, data }: GroupColumn): ColumnChunk {
  const { writer, schema, codec, statistics } = parquet;
  const path = schemaPathResolver(schema)([name]);
  const schemaPath = path.map(({ element }) => element);
  const element = findElement(schema, name);
  const written = writeColumn({
    writer,
    column: {
      columnName: name,
      element,
      schemaPath,
      codec,
      compressors: {},
      stats: statistics,
      pageSize: PAGE_BYTES,
      columnIndex: false,
      offsetIndex: true,
    },
    pageData: encodeNestedValues(path, [...data]),
  });
  parquet.pendingIndexes.push(written);
  return written.chunk;
}

function writeRawColumn({ writer, schema, codec }: ParquetWriter, { name, data }: GroupColumn): ColumnChunk {
  const begun = writer.offset;
  const values = data.filter((value) => value instanceof Uint8Array);
  if (values.length < data.length) throw new Error(`a value of ${name} is not bytes`);
  for (const { start, end } of getPageBoundaries(values, "BYTE_ARRAY", undefined, PAGE_BYTES)) {
    const page = values.slice(start, end);
    const sizeBytes = page.reduce((sum, { length }) => sum + 4 + length, 0);
    writePageHeader(writer, {
      type: "DATA_PAGE_V2",
      uncompressed_page_size: sizeBytes,
      compressed_page_size: sizeBytes,
      data_page_header_v2: {
        num_values: page.length,
        num_nulls: 0,
        num_rows: page.length,
        encoding: "PLAIN",
        definition_levels_byte_length: 0,
        repetition_levels_byte_length: 0,
        is_compressed: true, // By the codec "UNCOMPRESSED".
      },
    });
    for (const value of page) {
      writer.appendUint32(value.length);
      writer.appendBytes(value);
    }
  }
  const size = BigInt(writer.offset - begun);
  return {
    meta_data: {
      type: findElement(schema, name).type ?? "BYTE_ARRAY",
      encodings: ["PLAIN"],
      path_in_schema: [name],
      codec,
      num_values: BigInt(values.length),
      total_compressed_size: size,
      total_uncompressed_size: size,
      data_page_offset: BigInt(begun),
    },
    file_offset: BigInt(begun),
  };
}

function findElement(schema: readonly SchemaElement[], name: string): SchemaElement {
  const element = schema.find((known) => known.name === name);
  if (element === undefined) throw new Error(`the schema has no column ${name}`);
  return element;
}

/** Pieces of this size are kept instead of being copied together. */
const LARGE_BYTES = 64 * 1024;

/** Takes what a Parquet writer writes, without copying what is long: an image lies where it was read to until it is written. */
export class PieceWriter extends ByteWriter {
  #pieces: Uint8Array[] = [];
  /** Where short writes since the last piece begin in the buffer. */
  #from = 0;

  override appendBytes(bytes: Uint8Array): void {
    if (bytes.length < LARGE_BYTES) {
      super.appendBytes(bytes);
      return;
    }
    this.#cut();
    this.#pieces.push(bytes);
    this.offset += bytes.length;
  }

  /** Returns what was written since the last call. The next write uses this memory again. The count of all bytes goes on. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.index = 0;
    this.#from = 0;
    return pieces;
  }

  /** Ends the piece that short writes are copied into. Where the buffer grows, earlier pieces stay in the smaller one. */
  #cut(): void {
    if (this.index > this.#from) this.#pieces.push(this.getBytes().subarray(this.#from));
    this.#from = this.index;
  }
}
