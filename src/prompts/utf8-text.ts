import { MIB } from "../lib/units.ts";
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { detectForeignEncoding, detectMarkedEncoding, toUtf8Hint } from "../lib/files/foreign-encoding.ts";
import { promptsError, readError } from "./prompt-source.ts";

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The text of a file in chunks, without its byte order mark. Chunks end between characters, not between lines. Where lines end in CR alone,
 * as on old Macs and in some exports, they end in LF here.
 * @throws {ConfigError} naming the line where the bytes are no UTF-8, or hold NUL: replacing them would change prompts silently.
 */
export async function* utf8Text(file: string, options: { readonly gzip: boolean }): AsyncGenerator<string, void, undefined> {
  /** Null until a line has ended. */
  let endsInReturn: boolean | null = null;
  for await (const chunk of wholeText(file, options)) {
    endsInReturn ??= lineEndsIn(chunk);
    yield endsInReturn === true ? chunk.replaceAll("\r", "\n") : chunk;
  }
}

/** True for CR alone; null where it cannot be told: no line ends here, or an LF may follow. */
function lineEndsIn(text: string): boolean | null {
  if (text.includes("\n")) return false;
  const first = text.indexOf("\r");
  return first === -1 || first === text.length - 1 ? null : true;
}

async function* wholeText(file: string, { gzip }: { readonly gzip: boolean }): AsyncGenerator<string, void, undefined> {
  let line = 1;
  let rest: Buffer = Buffer.alloc(0);
  let isStart = true;
  const take = (bytes: Buffer, end: number): string => {
    const body = isStart ? withoutMark(bytes.subarray(0, end), file) : bytes.subarray(0, end);
    isStart = false;
    const nul = body.indexOf(0);
    if (nul !== -1) throw holdsNul(body, { file, line: line + newlines(body.subarray(0, nul)) });
    if (!isUtf8(body)) throw notUtf8(file, line + newlines(upToBadLine(body)));
    line += newlines(body);
    rest = bytes.subarray(end);
    return body.toString("utf8");
  };
  try {
    for await (const chunk of openBytes(file, gzip)) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      rest = bytes;
      // A mark of three bytes may come in pieces.
      if (isStart && bytes.length < BYTE_ORDER_MARK.length) continue;
      yield take(bytes, wholeLength(bytes));
    }
    if (rest.length > 0) yield take(rest, rest.length);
  } catch (error) {
    throw readError(file, error);
  }
}

async function* openBytes(file: string, gzip: boolean): AsyncGenerator<Buffer, void, undefined> {
  const raw: Readable = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  // Errors of either stream reach the reader of the last one, and pipeline closes both.
  const bytes: Readable = gzip ? pipeline(raw, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined) : raw;
  for await (const chunk of bytes) yield chunk as Buffer; // No encoding is set: streams of bytes give Buffers.
}

/** Length without the first bytes of a character whose last are still to come. */
function wholeLength(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue; // A later byte of a character.
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function withoutMark(bytes: Buffer, file: string): Buffer {
  const encoding = detectMarkedEncoding(bytes);
  if (encoding !== null) throw otherEncoding(file, encoding);
  return bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
}

/** Returns the error for a character that no text holds. */
function holdsNul(bytes: Buffer, { file, line }: { readonly file: string; readonly line: number }): Error {
  const encoding = detectForeignEncoding(bytes);
  if (encoding !== null) return otherEncoding(file, encoding);
  return promptsError(file, `line ${line} holds a NUL character`, {
    hint: "it is no text file, or damaged; tr -d '\\000' < OLD > NEW takes the character out",
  });
}

function otherEncoding(file: string, encoding: string): Error {
  return promptsError(file, `it is ${encoding}`, { hint: toUtf8Hint(encoding) });
}

/** The lines before the first that is no UTF-8; a newline byte is never part of another character. */
function upToBadLine(bytes: Buffer): Buffer {
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    if (!isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
  }
  return bytes.subarray(0, start);
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

function notUtf8(file: string, line: number): Error {
  return promptsError(file, `line ${line} is not UTF-8 text`, {
    hint: "save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW)",
  });
}

/** Far beyond any prompt, characters. A longer line is another format, and would have to be held in memory whole. */
const LINE_MAX = 16 * MIB;

interface Line {
  /** Number of the line, from 1. */
  readonly number: number;
  /** Text of the line, without LF or CR LF. */
  readonly text: string;
}

/** The lines of a text file, empty ones (only white space) left out. */
export async function* linesOf(file: string, options: { readonly gzip: boolean }): AsyncGenerator<Line, void, undefined> {
  let number = 0;
  let rest = "";
  for await (const chunk of utf8Text(file, options)) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      const line = rest + chunk.slice(start, end);
      rest = "";
      start = end + 1;
      number++;
      if (!isEmpty(line)) yield { number, text: withoutReturn(line) };
    }
    rest += chunk.slice(start);
    if (rest.length > LINE_MAX) throw promptsError(file, `line ${number + 1} is longer than ${LINE_MAX / 1024 / 1024} million characters`);
  }
  if (!isEmpty(rest)) yield { number: number + 1, text: withoutReturn(rest) };
}

function isEmpty(line: string): boolean {
  return line === "" || line === "\r" || line.trim() === "";
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
