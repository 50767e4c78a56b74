import { Readable } from "node:stream";
import { parse } from "csv-parse";
import type { ListedImage } from "../../../db/queries/export/export-check.ts";
import type { ExportedImage } from "../../../db/queries/export/row-records.ts";

const CHUNK_CHARS = 64 * 1024;
/** A URI of 2,048 characters is long; an open quote would take the rest of the file for one. */
const RECORD_CHARS_MAX = 64 * 1024;
const HEADER = "uri,sha256,bytes\n";

/** `images.csv` (RFC 4180, LF): each image and each reference image of an export once, where copies stand together. `count` is called for each. */
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

/** Quoted where it must be. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Reads `images.csv` back; a sentence saying what is wrong in the place of a line that is none of ours. */
export async function* readImagesCsv(chunks: AsyncIterable<Buffer>): AsyncGenerator<ListedImage | string> {
  // Without `relax` every damage is an error that says its line.
  const records = Readable.from(chunks).compose(parse({ info: true, max_record_size: RECORD_CHARS_MAX }));
  let isHeader = true;
  // Each record comes with where it ends, as `info` asks for.
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
