import { createReadStream } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isAbort, messageOf } from "../../errors.ts";
import { fileProblem } from "../../lib/file-problem.ts";
import { isJsonObject, parseExact, type Json } from "../../lib/exact-json.ts";
import { VoteError } from "../raw-vote.ts";
import type { FileHead } from "../vote-format.ts";
import { readLines } from "./read-lines.ts";
import { votesError } from "./votes-error.ts";

export type JsonRecord = Readonly<Record<string, Json>>;

export interface RecordPlace {
  /** From 1: of a record in an array, else of a line. */
  readonly position: number;
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
  for await (const { number, bytes } of readLines(file, signal)) yield { position: number, record: () => objectOf(parsedLine(bytes)) };
}

async function* readArray(file: string, signal: AbortSignal | undefined): AsyncGenerator<RecordPlace> {
  const [{ chain }, { parser }, { streamArray }] = await Promise.all([
    import("stream-chain"),
    import("stream-json"),
    import("stream-json/streamers/stream-array.js"),
  ]);
  const items = chain([parser(), streamArray()]);
  const raw: Readable = createReadStream(file, { signal });
  // What goes wrong with the file or the text reaches the reader of `items`.
  if (/\.gz$/i.test(file)) pipeline(raw, createGunzip(), items, () => undefined);
  else pipeline(raw, items, () => undefined);
  let position = 0;
  try {
    for await (const item of items) {
      position++;
      const { value } = item as { readonly value: Json }; // streamArray gives {key, value}.
      yield { position, record: () => objectOf(value) };
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    throw votesError(file, `after record ${position}: ${fileProblem(error)}`, {
      cause: error,
      hint: "expected one whole JSON array, as the tool wrote it",
    });
  }
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
