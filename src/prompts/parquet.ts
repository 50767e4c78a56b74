import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { ConfigError, messageOf } from "../errors.ts";
import { stringifyExact, type Json } from "../lib/exact-json.ts";
import { type PromptSource, type PromptSourceFactory, type RawPrompt, promptsError, readError, emptyFields } from "./prompt-source.ts";

/** Rows decoded at a time: about a page of text as pyarrow writes it (1 MB). */
const STEP_ROWS = 16_384;

/** hyparquet brings Snappy; these come with Node. LZ4 and LZO have no reader here. */
const COMPRESSORS: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  ZSTD: (bytes) => zstdDecompressSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
};

interface OpenFile {
  readonly file: string;
  readonly bytes: AsyncBuffer;
  readonly metadata: FileMetaData;
}

/**
 * `.parquet`: read row group by row group, and of each only the columns wanted. In memory: those columns of one row group as the file
 * holds them, and 16,384 rows decoded.
 */
export const parquetSource: PromptSourceFactory = async (file, { gzip }) => {
  if (gzip) throw promptsError(file, "Parquet is compressed inside, .parquet.gz is not read", { hint: "unpack it" });
  const { asyncBufferFromFile, parquetMetadataAsync, parquetSchema } = await import("hyparquet");
  const bytes = await asyncBufferFromFile(file).catch((error: unknown) => {
    throw readError(file, error);
  });
  if (bytes.byteLength === 0) throw promptsError(file, "it is empty");
  const metadata = await parquetMetadataAsync(bytes).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const columns = parquetSchema(metadata).children.map((child) => child.element.name);
  const source: PromptSource = {
    columns,
    unit: "row",
    rows: (options) =>
      readRows(
        { file, bytes, metadata },
        columns.filter((column) => options?.columns?.includes(column) ?? true),
      ),
  };
  return source;
};

async function* readRows({ file, bytes, metadata }: OpenFile, columns: readonly string[]): AsyncGenerator<RawPrompt, void, undefined> {
  const { cachedAsyncBuffer } = await import("hyparquet");
  let groupStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const groupEnd = groupStart + Number(num_rows);
    // Every step asks for the same bytes of a row group, which are read once and kept until its end.
    const cached = cachedAsyncBuffer(bytes);
    for (let rowStart = groupStart; rowStart < groupEnd; rowStart += STEP_ROWS) {
      const rowEnd = Math.min(rowStart + STEP_ROWS, groupEnd);
      const rows = await readStep({ file, bytes: cached, metadata }, { columns, rowStart, rowEnd });
      for (const [index, cells] of rows.entries()) {
        const position = rowStart + index + 1;
        yield { position, fields: fieldsOf(cells, { columns, file, position }), nested: columns.filter((_, at) => isNested(cells[at])) };
      }
    }
    groupStart = groupEnd;
  }
}

interface Step {
  readonly columns: readonly string[];
  readonly rowStart: number;
  readonly rowEnd: number;
}

async function readStep(open: OpenFile, { columns, rowStart, rowEnd }: Step): Promise<readonly (readonly unknown[])[]> {
  const { parquetRead } = await import("hyparquet");
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : decoder.decode(bytes));
  let rows: readonly (readonly unknown[])[] = [];
  try {
    await parquetRead({
      file: open.bytes,
      metadata: open.metadata,
      columns: [...columns],
      rowStart,
      rowEnd,
      compressors: COMPRESSORS,
      // JSON stays text: parsing it would round its numbers.
      parsers: { stringFromBytes: decode, jsonFromBytes: decode },
      onComplete: (read) => {
        rows = read;
      },
    });
  } catch (error) {
    throw unreadable(open.file, error, ` in rows ${rowStart + 1} to ${rowEnd}`);
  }
  return rows;
}

interface CellPlace {
  readonly columns: readonly string[];
  readonly file: string;
  readonly position: number;
}

function fieldsOf(cells: readonly unknown[], { columns, file, position }: CellPlace): Record<string, string> {
  const fields = emptyFields();
  for (const [index, column] of columns.entries()) {
    const cell = cells[index];
    if (cell instanceof Uint8Array) throw promptsError(file, `column "${column}" (row ${position}) holds bytes, not text`);
    // pandas writes a missing number as NaN.
    if (cell === null || cell === undefined || Number.isNaN(cell)) continue;
    fields[column] = textOf(cell);
  }
  return fields;
}

/** Bytes have been refused before. */
function isNested(cell: unknown): boolean {
  return typeof cell === "object" && cell !== null && !(cell instanceof Date);
}

function textOf(cell: unknown): string {
  if (typeof cell === "string") return cell;
  if (typeof cell === "number" || typeof cell === "bigint" || typeof cell === "boolean") return String(cell);
  return cell instanceof Date ? cell.toISOString() : stringifyExact(plain(cell));
}

/** hyparquet gives typed arrays and dates inside lists; the rest is JSON and bigints. */
function plain(cell: unknown): Json {
  if (ArrayBuffer.isView(cell)) return Array.from(cell as unknown as ArrayLike<number | bigint>); // No DataView among them.
  if (Array.isArray(cell)) return cell.map(plain);
  if (cell instanceof Date) return cell.toISOString();
  if (typeof cell === "object" && cell !== null) return Object.fromEntries(Object.entries(cell).map(([key, item]) => [key, plain(item)]));
  return (cell ?? null) as Json; // Numbers, bigints, booleans, text.
}

function unreadable(file: string, error: unknown, where = ""): ConfigError {
  if (error instanceof ConfigError) return error;
  // An error of the file system does not mean that the format is wrong.
  if (error instanceof Error && "syscall" in error) return readError(file, error);
  const notText = error instanceof TypeError && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA";
  if (notText) return promptsError(file, `text${where} is not UTF-8`, { cause: error });
  return promptsError(file, `it cannot be read as Parquet${where}: ${messageOf(error)}`, {
    hint: "write it again without encryption, with Snappy, gzip, Zstandard or Brotli",
    cause: error,
  });
}
