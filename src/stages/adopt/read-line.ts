import { isUtf8 } from "node:buffer";
import { RejectError } from "../../errors.ts";
import { isJsonObject, parseExact, type Json, type JsonObject } from "../../lib/exact-json.ts";
import type { LineFacts, Origin } from "./adopt-source.ts";
import { SEED_MAX } from "../../identity.ts";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** A line of the JSONL that names an image. */
interface AdoptLine {
  readonly facts: LineFacts;
  /** A path or an address, as written. */
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
    facts: {
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

/** The place of a line's image. */
export interface JsonlPlace {
  readonly scheme: "file" | "http" | "s3";
  /** A path for `file`, else the address. May hold a secret in its query: never shown, never kept. */
  readonly address: string;
  readonly origin: Origin;
}

/**
 * Finds out where a line's image is: `file` is relative to the JSONL, `uri` is file:, http(s): or s3:.
 * @throws {RejectError} "bad-line" for anything else.
 */
export function jsonlPlace(place: AdoptLine["place"], jsonl: string): JsonlPlace {
  if ("file" in place) return filePlace(resolve(dirname(jsonl), place.file));
  const { uri } = place;
  if (/^s3:\/\/[^/]+\/./s.test(uri)) return { scheme: "s3", address: uri, origin: originOf(uri) };
  const url = URL.canParse(uri) ? new URL(uri) : null;
  if (url?.protocol === "file:") return filePlace(pathOf(url));
  if (url?.protocol !== "http:" && url?.protocol !== "https:") throw bad("its uri is neither file:, http:, https: nor s3:");
  if (url.username !== "" || url.password !== "") throw bad("its uri holds a user name or password");
  return { scheme: "http", address: url.href, origin: originOf(`${url.origin}${url.pathname}`) };
}

function filePlace(path: string): JsonlPlace {
  return { scheme: "file", address: path, origin: originOf(pathToFileURL(path).href) };
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    // It throws TypeErrors for hosts and for escaped slashes.
    throw error instanceof TypeError ? bad("its uri names no file of this machine") : error;
  }
}

/** `scheme://host`, folders, name; of a file: its folder, and its name. */
function originOf(uri: string): Origin {
  const [, base = "", path = ""] = /^(\w+:\/\/[^/]*)\/?(.*)$/s.exec(uri) ?? [];
  const parts = path.split("/");
  const filename = parts.pop() ?? "";
  const folder = parts.join("/");
  return base === "file://"
    ? { server: `file:///${folder}`, subfolder: "", filename: unescaped(filename), type: "output" }
    : { server: base, subfolder: folder, filename, type: "output" };
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).toWellFormed();
  } catch {
    return part; // A bare % is part of the name.
  }
}
