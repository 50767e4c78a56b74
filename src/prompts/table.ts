import { pipeline, Readable } from "node:stream";
import { ConfigError, messageOf } from "../errors.ts";
import { type PromptSource, type PromptSourceFactory, type RawPrompt, promptsError, emptyFields } from "./prompt-source.ts";
import { utf8Text, linesOf } from "./utf8-text.ts";
import { MIB } from "../lib/units.ts";

/** Greatest size of a row, bytes, the same as of a line of text. Otherwise an open quote would make one cell of the rest of the file. */
const RECORD_MAX_BYTES = 16 * MIB;

interface TableRow {
  /** The line on which it begins. */
  readonly line: number;
  readonly cells: readonly string[];
}

type ReadTable = (file: string, options: { readonly gzip: boolean }) => AsyncIterable<TableRow>;

/** `.csv`: RFC 4180, with a header. */
export const csvSource: PromptSourceFactory = (file, options) => tableSource(readCsv, { file, ...options });

/** `.tsv`: cells between tabs, quotes are part of the text; with a header. */
export const tsvSource: PromptSourceFactory = (file, options) => tableSource(readTsv, { file, ...options });

async function tableSource(read: ReadTable, { file, gzip }: { readonly file: string; readonly gzip: boolean }): Promise<PromptSource> {
  const columns = await readHeader(read(file, { gzip }), file);
  return {
    columns,
    unit: "line",
    async *rows() {
      let isHeader = true;
      for await (const row of read(file, { gzip })) {
        if (!isHeader) yield toPrompt(row, { columns, file });
        isHeader = false;
      }
    },
  };
}

async function readHeader(rows: AsyncIterable<TableRow>, file: string): Promise<readonly string[]> {
  for await (const { line, cells } of rows) {
    const twice = cells.find((name, index) => name !== "" && cells.indexOf(name) !== index);
    if (twice !== undefined) throw promptsError(file, `its header (line ${line}) names the column "${twice}" twice`);
    return cells;
  }
  throw promptsError(file, "it is empty, expected a header line with the names of the columns");
}

function toPrompt({ line, cells }: TableRow, { columns, file }: { readonly columns: readonly string[]; readonly file: string }): RawPrompt {
  if (cells.length !== columns.length) {
    throw promptsError(file, `line ${line} has ${cells.length} cells, the header has ${columns.length}`, {
      hint: "a cell that holds the separator or a line break must be in quotes (.csv), or cannot hold it (.tsv)",
    });
  }
  const fields = emptyFields();
  for (const [index, name] of columns.entries()) fields[name] = cells[index] ?? "";
  return { position: line, fields };
}

async function* readTsv(file: string, options: { readonly gzip: boolean }): AsyncGenerator<TableRow, void, undefined> {
  for await (const { number, text } of linesOf(file, options)) yield { line: number, cells: text.split("\t") };
}

async function* readCsv(file: string, options: { readonly gzip: boolean }): AsyncGenerator<TableRow, void, undefined> {
  const { parse } = await import("csv-parse");
  const parser = parse({
    raw: true,
    // Named, since the parser would take the first it sees for the only one.
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true, // Counted here, for one message for both formats.
    max_record_size: RECORD_MAX_BYTES,
  });
  // Errors of the text reach the reader of `parser`.
  pipeline(Readable.from(utf8Text(file, options)), parser, () => undefined);
  try {
    let linesBefore = 0;
    for await (const parsed of parser) {
      const { record, raw } = parsed as { readonly record: readonly string[]; readonly raw: string }; // `raw: true`.
      // To the parser an empty line, or one of white space, is a cell.
      if (raw.trim() !== "") yield { line: linesBefore + 1, cells: record };
      // `raw` has "\r" where a record ended in "\r\n"; elsewhere a lone "\r" is part of a cell.
      linesBefore += raw.match(/\n|\r$/g)?.length ?? 0;
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw promptsError(file, messageOf(error).replace(" at line ", " near line "), {
      hint: 'in .csv a cell with a quote is written "with ""two"" of them"; .tsv takes quotes as they are',
      cause: error,
    });
  }
}
