import { pipeline, Readable } from "node:stream";
import { ConfigError, isAbort, messageOf } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { isJsonObject, parseExact, type Json } from "../../lib/exact-json.ts";
import { utf8Text } from "../../prompts/utf8-text.ts";
import { VoteError } from "../raw-vote.ts";
import type { FileHead } from "../vote-format.ts";
import { isGzip } from "./is-gzip.ts";
import { readLines } from "./read-lines.ts";
import { recordLines } from "./record-lines.ts";
import { asVotesError, votesError } from "./votes-error.ts";

export type JsonRecord = Readonly<Record<string, Json>>;

export interface RecordPlace {
  /** The line, from 1, at which it begins. */
  readonly position: number;
  /** From 1, in an array; null in lines. */
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
  // What goes wrong with the file or the text reaches the reader of `items`.
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
