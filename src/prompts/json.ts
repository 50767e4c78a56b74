import { pipeline, Readable } from "node:stream";
import type { Token } from "stream-json/parser.js";
import { ConfigError, messageOf } from "../errors.ts";
import { DEPTH_MAX, DepthError } from "../lib/exact-json.ts";
import { jsonErrorPosition } from "../lib/json-error-position.ts";
import { type PromptSource, type RawPrompt, promptsError, fieldsOfJson } from "./prompt-source.ts";
import { utf8Text } from "./utf8-text.ts";
import { MIB } from "../lib/units.ts";

/** Longest text searched for the place of an error, characters: a second or two. */
const SEARCHED_MAX = 32 * MIB;

/** `.json`: one array of objects or strings, of any length. */
export function jsonSource(file: string, { gzip }: { readonly gzip: boolean }): Promise<PromptSource> {
  return Promise.resolve({ columns: null, unit: "item", rows: () => readArray(file, gzip) });
}

async function* readArray(file: string, gzip: boolean): AsyncGenerator<RawPrompt, void, undefined> {
  const [{ chain }, { parser }, { streamArray }] = await Promise.all([
    import("stream-chain"),
    import("stream-json"),
    import("stream-json/streamers/stream-array.js"),
  ]);
  const items = chain([parser({ streamValues: false }), depthGuard(), exactNumber, streamArray()]);
  // Errors of the text or the parser reach the reader of `items`.
  pipeline(Readable.from(utf8Text(file, { gzip })), items, () => undefined);
  let position = 0;
  try {
    for await (const item of items) {
      position++;
      const { value } = item as { readonly value: unknown }; // streamArray gives {key, value}.
      const given = fieldsOfJson(value);
      if (given === undefined) throw promptsError(file, `item ${position} is neither an object nor a string`);
      yield { position, ...given };
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (error instanceof DepthError) throw promptsError(file, `after item ${position}: ${error.message}`, { cause: error });
    throw promptsError(file, `expected a JSON array of objects or strings: ${await whereOf(error, { file, gzip, position })}`, {
      hint: "one object a line, without an array around, goes into a .jsonl file",
      cause: error,
    });
  }
}

/**
 * The assembler would round a number, and puts the value of a text token into the object as it is: so a number goes in as raw JSON
 * under that name. The token's type knows only text there.
 */
function exactNumber(token: Token): Token {
  return token.name === "numberValue" ? { name: "stringValue", value: JSON.rawJSON(token.value) as unknown as string } : token;
}

/** Passes tokens on up to DEPTH_MAX: what takes an item apart later does so recursively. @throws {DepthError} */
function depthGuard(): (token: Token) => Token {
  let depth = 0;
  return (token) => {
    if (token.name === "startObject" || token.name === "startArray") depth++;
    else if (token.name === "endObject" || token.name === "endArray") depth--;
    if (depth > DEPTH_MAX) throw new DepthError();
    return token;
  };
}

interface Broken {
  readonly file: string;
  readonly gzip: boolean;
  readonly position: number;
}

/** The parser does not say where it stopped: a text that is not too long is gone through once more, for line and column. */
async function whereOf(error: unknown, { file, gzip, position }: Broken): Promise<string> {
  let text = "";
  for await (const chunk of utf8Text(file, { gzip })) {
    text += chunk;
    if (text.length > SEARCHED_MAX) return `after item ${position}: ${messageOf(error)}`;
  }
  if (text.trim() === "") return "it is empty";
  const { line, column, expected } = jsonErrorPosition(text);
  return expected === "end" && !text.trimStart().startsWith("[")
    ? "its top level is no array"
    : `line ${line}, column ${column}: expected ${expected}`;
}
