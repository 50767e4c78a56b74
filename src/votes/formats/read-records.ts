import { MIB } from "../../lib/units.ts";
import { pipeline, Readable } from "node:stream";
import { ConfigError, isAbort, messageOf } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { isJsonObject, parseExact, type Json } from "../../lib/exact-json.ts";
import { utf8Text } from "../../prompts/utf8-text.ts";
import { VoteError } from "../raw-vote.ts";
import { type FileHead, asVotesError, votesError } from "../vote-format.ts";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { byteLines } from "../../lib/streams.ts";

export type JsonRecord = Readonly<Record<string, Json>>;

export interface RecordPlace {
  /** The line, from 1, at which it begins. */
  readonly position: number;
  /** Position in an array, from 1. Null in files of lines. */
  readonly number: number | null;
  /** @throws {VoteError} where it is no object. */
  readonly record: () => JsonRecord;
}

/** The objects of a JSON array, or of JSONL, one at a time whatever the file's length. @throws {ConfigError} if it cannot be read. */
export async function* readRecords(
  file: string,
  { isArray }: Pick<FileHead, "isArray">,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordPlace> {
  if (isArray) return yield* readArray(file, signal);
  for await (const { number, bytes } of readLines(file, signal))
    yield { position: number, number: null, record: () => objectOf(parsedLine(bytes)) };
}

async function* readArray(file: string, signal: AbortSignal | undefined): AsyncGenerator<RecordPlace> {
  const [{ chain }, { parser }, { streamArray }] = await Promise.all([
    import("stream-chain"),
    import("stream-json"),
    import("stream-json/streamers/stream-array.js"),
  ]);
  const lines = recordLines();
  const items = chain([parser({ streamValues: false }), streamArray()]);
  // Errors of the file or the text reach the reader of `items`.
  pipeline(Readable.from(lines.through(utf8Text(file, { gzip: isGzip(file) }))), items, () => undefined);
  let number = 0;
  let last = "";
  try {
    for await (const item of items) {
      signal?.throwIfAborted();
      const { value } = item as { readonly value: Json }; // streamArray gives {key, value}.
      const position = lines.take();
      last = `after record ${number + 1} at line ${position}: `;
      yield { position, number: ++number, record: () => objectOf(value) };
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    if (error instanceof ConfigError) throw asVotesError(error);
    throw votesError(file, `${last}${arrayProblem(error)}`, { cause: error, hint: "expected one whole JSON array, as the tool wrote it" });
  }
}

/** stream-json raises plain Errors, worded for who writes parsers. */
function arrayProblem(error: unknown): string {
  return error instanceof Error && error.constructor === Error && !("code" in error)
    ? `it is no whole JSON array (${error.message})`
    : fileProblem(error);
}

/** Fatal: a replaced character would change a name without a word. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parsedLine(bytes: Uint8Array): Json {
  try {
    return parseExact(UTF8.decode(bytes));
  } catch (error) {
    throw new VoteError("not-json", `it is no JSON in UTF-8 (${messageOf(error)})`);
  }
}

function objectOf(value: Json): JsonRecord {
  if (isJsonObject(value)) return value;
  throw new VoteError("bad-shape", "it is no object");
}

/** Bytes of a line: far above a vote on 1,000 images; a file that is no JSONL ends here instead of in memory. */
const LINE_MAX_BYTES = 1_000_000;

/** The lines of a file, those of a `.gz` unpacked. @throws {ConfigError} if it cannot be read. */
export async function* readLines(file: string, signal: AbortSignal | undefined): ReturnType<typeof byteLines> {
  try {
    const raw: Readable = createReadStream(file, { signal });
    // Errors of either stream reach the reader of the last one, and pipeline closes both.
    const bytes: Readable = isGzip(file) ? pipeline(raw, createGunzip(), () => undefined) : raw;
    // No encoding is set: streams of bytes give Buffers.
    yield* byteLines(bytes as AsyncIterable<Buffer>, { maxBytes: LINE_MAX_BYTES });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw votesError(file, fileProblem(error), { cause: error, hint: "one JSON object a line; see docs/votes.md" });
  }
}

export function isGzip(file: string): boolean {
  return /\.gz$/i.test(file);
}

/** Characters of a record: far above a task with hundreds of annotations; a file that is one endless record ends here, not in memory. */
const RECORD_MAX_CHARACTERS = 16 * MIB;

interface RecordLines {
  /** Passes the text on. @throws {RangeError} naming the line of a record that is too long. */
  through(chunks: AsyncIterable<string>): AsyncGenerator<string>;
  /** The line, from 1, at which the next record begins that was not asked for yet; after the last, where the text ended. */
  take(): number;
}

/**
 * Notes at which line each record of a JSON array begins while its text passes: the parser behind does not say. It checks nothing of the
 * JSON, which the parser does, and holds one number for each record between the two.
 */
export function recordLines(maxCharacters = RECORD_MAX_CHARACTERS): RecordLines {
  const starts: number[] = [];
  let line = 1;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  /** The reader is in the array. The next character that is no white space begins a record. */
  let isBetween = false;
  let recordCharacters = 0;

  const seeInString = (character: string): void => {
    if (isEscaped) isEscaped = false;
    else if (character === "\\") isEscaped = true;
    else if (character === '"') isInString = false;
  };
  const see = (character: string): void => {
    if (character === "\n") line++;
    if (isInString) return seeInString(character);
    if (character === "," && depth === 1) isBetween = true;
    else if (character === "]" || character === "}") depth--;
    else if (isBetween && !/\s/.test(character)) {
      starts.push(line);
      isBetween = false;
      recordCharacters = 0;
    }
    if (character === '"') isInString = true;
    else if (character === "[" || character === "{") {
      depth++;
      if (depth === 1) isBetween = true;
    }
  };

  return {
    async *through(chunks) {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at++) see(chunk[at] ?? "");
        recordCharacters += chunk.length;
        if (recordCharacters > maxCharacters + chunk.length)
          throw new RangeError(`the record at line ${starts.at(-1) ?? line} is longer than ${maxCharacters} characters`);
        yield chunk;
      }
    },
    take: () => starts.shift() ?? line,
  };
}
