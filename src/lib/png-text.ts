import { inflateSync } from "node:zlib";

/** Source: PNG specification, 5.2 and 11.3.3 (https://www.w3.org/TR/png-3/). */
const SIGNATURE_BYTES = 8;
const CHUNK_OVERHEAD_BYTES = 12;
/** Inflated zTXt and iTXt chunks, bytes: a workflow is below 1 MB. */
const INFLATED_MAX_BYTES = 16 * 1024 * 1024;

/** Keyword → text of a PNG's tEXt, zTXt and iTXt chunks, the last one winning. Bytes that are no PNG give an empty map. */
export function readPngText(bytes: Buffer): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (let at = SIGNATURE_BYTES; at + CHUNK_OVERHEAD_BYTES <= bytes.length;) {
    const sizeBytes = bytes.readUInt32BE(at);
    const type = bytes.toString("latin1", at + 4, at + 8);
    const data = bytes.subarray(at + 8, at + 8 + sizeBytes);
    const text = textOf(type, data);
    if (text !== null) texts.set(text.keyword, text.value);
    at += CHUNK_OVERHEAD_BYTES + sizeBytes;
  }
  return texts;
}

function textOf(type: string, data: Buffer): { readonly keyword: string; readonly value: string } | null {
  const keywordEnd = data.indexOf(0);
  if (keywordEnd < 0) return null;
  const keyword = data.toString("latin1", 0, keywordEnd);
  const rest = data.subarray(keywordEnd + 1);
  if (type === "tEXt") return { keyword, value: rest.toString("latin1") };
  if (type === "zTXt") return { keyword, value: inflate(rest.subarray(1)).toString("latin1") };
  if (type !== "iTXt") return null;
  const languageEnd = rest.indexOf(0, 2);
  const translatedEnd = rest.indexOf(0, languageEnd + 1);
  if (languageEnd < 0 || translatedEnd < 0) return null;
  const body = rest.subarray(translatedEnd + 1);
  return { keyword, value: (rest[0] === 1 ? inflate(body) : body).toString("utf8") };
}

const inflate = (data: Buffer): Buffer => inflateSync(data, { maxOutputLength: INFLATED_MAX_BYTES });
