import { Readable } from "node:stream";
import { parse } from "csv-parse";
import type { ListedImage } from "../../../db/queries/export/export-check.ts";
import type { ExportedImage } from "../../../db/queries/export/row-records.ts";

const CHUNK_CHARS = 64 * 1024;
/** Longer than any URI. An open quote would take in the rest of the file. */
const RECORD_CHARS_MAX = 64 * 1024;
const HEADER = "uri,sha256,bytes\n";

/**
 * Writes `images.csv` (RFC 4180, LF): each image and each reference image once. Copies must follow each other in `images`. `count` is
 * called for each line.
 */
export function* imagesCsv(images: Iterable<ExportedImage>, count: (image: ExportedImage) => void): Generator<Buffer> {
  let text = HEADER;
  let last = "";
  for (const image of images) {
    const { id, uri, sha256, bytes } = image;
    if (id === last) continue;
    last = id;
    text += `${csvField(uri)},${sha256},${bytes}\n`;
    count(image);
    if (text.length < CHUNK_CHARS) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}

/** Quotes a field where it needs it. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Reads `images.csv` back. Yields a sentence about what is wrong in place of a line that this program cannot have written. */
export async function* readImagesCsv(chunks: AsyncIterable<Buffer>): AsyncGenerator<ListedImage | string> {
  // Without `relax`, damage is an error that names its line.
  const records = Readable.from(chunks).compose(parse({ info: true, max_record_size: RECORD_CHARS_MAX }));
  let isHeader = true;
  // `info` adds the line of each record.
  for await (const { record, info } of records as AsyncIterable<{ record: readonly string[]; info: { lines: number } }>) {
    const [uri = "", sha256 = "", bytes = ""] = record;
    if (isHeader) {
      isHeader = false;
      if (`${record.join(",")}\n` !== HEADER) yield `has the header ${JSON.stringify(record.join(","))}, expected ${HEADER.trim()}`;
    } else if (record.length !== 3 || !/^[0-9a-f]{64}$/.test(sha256) || !/^\d{1,15}$/.test(bytes)) {
      yield `line ${info.lines} is no uri, sha256 and number of bytes`;
    } else yield { uri, sha256, bytes: Number(bytes), line: info.lines };
  }
  if (isHeader) yield `is empty, expected ${HEADER.trim()} and the images`;
}
