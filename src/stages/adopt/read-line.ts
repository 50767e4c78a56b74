import { isUtf8 } from "node:buffer";
import { RejectError } from "../../errors.ts";
import { isJsonObject, parseExact, type Json, type JsonObject } from "../../lib/exact-json.ts";
import type { Said } from "./adopt-source.ts";
import { SEED_MAX } from "../../identity.ts";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** A line of the JSONL that names an image. */
export interface AdoptLine {
  readonly said: Said;
  /** As written: a path, or an address. */
  readonly place: { readonly file: string } | { readonly uri: string };
}

/**
 * Reads `{prompt, uri | file, model?, seed?, id?, negative?}`; keys of other tools are passed over.
 * @throws {RejectError} "bad-line".
 */
export function readLine(bytes: Buffer): AdoptLine {
  const line = parse(bytes);
  const prompt = textOf(line, "prompt");
  if (prompt.trim() === "") throw bad('it has no "prompt"');
  return {
    place: placeOf(line),
    said: {
      prompt: prompt.toWellFormed(),
      negative: textOf(line, "negative").toWellFormed(),
      model: textOf(line, "model").toWellFormed(),
      seed: seedOf(line["seed"]),
      id: idOf(line["id"]),
    },
  };
}

function parse(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw bad("it is not UTF-8 text");
  const body = bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
  try {
    const value = parseExact(body.toString("utf8"));
    if (isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof RangeError)) throw error; // RangeError: nested too deeply.
    throw bad("it is no JSON");
  }
  throw bad("it is no JSON object");
}

function placeOf(line: JsonObject): AdoptLine["place"] {
  const [uri, file] = [textOf(line, "uri"), textOf(line, "file")];
  if ((uri === "") === (file === "")) throw bad(uri === "" ? 'it has neither "uri" nor "file"' : 'it has both "uri" and "file"');
  if (`${uri}${file}`.includes("\0")) throw bad("the place of its image holds a NUL character");
  return uri === "" ? { file } : { uri };
}

function textOf(line: JsonObject, key: string): string {
  const value = Object.hasOwn(line, key) ? (line[key] ?? "") : "";
  if (typeof value !== "string") throw bad(`its "${key}" is no text`);
  return value;
}

/** Null: not known. Tools that count with doubles write large seeds as text. */
function seedOf(value: Json | undefined): bigint | null {
  if (value === undefined || value === null || value === -1) return null;
  const isInteger = typeof value === "bigint" || Number.isSafeInteger(value) || (typeof value === "string" && /^\d{1,20}$/.test(value));
  // Checked just now: what BigInt takes.
  const seed = isInteger ? BigInt(value as string | number | bigint) : -1n;
  if (seed < 0n || seed > SEED_MAX) throw bad('its "seed" is no whole number from 0 to 2^64 - 1');
  return seed;
}

function idOf(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  throw bad('its "id" is neither text nor number');
}

function bad(why: string): RejectError {
  return new RejectError("bad-line", `Cannot adopt this line: ${why}`);
}
