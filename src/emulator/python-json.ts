// JSON as Python's json module reads and writes it, since that is what ComfyUI's answers and PNG chunks are made of:
// keys stay in the order they were sent (JavaScript objects move integer-like ones to the front), 1 and 1.0 differ,
// integers have any number of digits.

/** A Python value: int is bigint, float is number, dict is Map. */
export type PyValue = null | boolean | bigint | number | string | readonly PyValue[] | PyDict;

export type PyDict = Map<string, PyValue>;

/** Deeper nesting raises RecursionError in Python (limit 1000 frames) and would overflow the stack here. */
const MAX_DEPTH = 500;

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const OUTSIDE_ASCII = /[\u007f-\uffff]/;
const LITERALS: readonly (readonly [string, PyValue])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
  // json.loads takes these three, which are no JSON.
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
];

/**
 * Reads JSON as `json.loads` does.
 * @throws {SyntaxError} if the text is not JSON.
 */
export function loadsPython(text: string): PyValue {
  const cursor: Cursor = { text, at: 0 };
  const value = readValue(cursor, 0);
  skipSpace(cursor);
  if (cursor.at < text.length) throw new SyntaxError(`Cannot read JSON: extra data at ${String(cursor.at)}`);
  return value;
}

/** Writes JSON as `json.dumps` does by default: ", " and ": ", everything outside ASCII escaped. */
export function dumpsPython(value: PyValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return dumpsString(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? floatRepr(value) : dumpsSpecial(value);
  if (isPyList(value)) return `[${value.map(dumpsPython).join(", ")}]`;
  const fields: string[] = [];
  for (const [key, item] of value) fields.push(`${dumpsString(key)}: ${dumpsPython(item)}`);
  return `{${fields.join(", ")}}`;
}

/** `repr` of a float: like JavaScript's shortest form, but always with a point or exponent, and other limits for exponents. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  // Source: CPython's float_repr_style "short": repr uses an exponent below 1e-4 and from 1e16.
  if (exponent < -4 || exponent >= 16) {
    const padded = String(Math.abs(exponent)).padStart(2, "0");
    return `${digits}e${exponent < 0 ? "-" : "+"}${padded}`;
  }
  const plain = String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}

export function isPyDict(value: PyValue | undefined): value is PyDict {
  return value instanceof Map;
}

export function isPyList(value: PyValue | undefined): value is readonly PyValue[] {
  return Array.isArray(value);
}

/** A dict from JavaScript's own notation; the keys must not look like integers, or their order is lost. */
export function dict(fields: Readonly<Record<string, PyValue>>): PyDict {
  return new Map(Object.entries(fields));
}

interface Cursor {
  readonly text: string;
  at: number;
}

function readValue(cursor: Cursor, depth: number): PyValue {
  if (depth > MAX_DEPTH) throw new SyntaxError("Cannot read JSON: nested too deeply");
  skipSpace(cursor);
  const first = cursor.text[cursor.at];
  if (first === '"') return readString(cursor);
  if (first === "{") return readDict(cursor, depth);
  if (first === "[") return readList(cursor, depth);
  for (const [word, value] of LITERALS) {
    if (cursor.text.startsWith(word, cursor.at)) {
      cursor.at += word.length;
      return value;
    }
  }
  return readNumber(cursor);
}

function readNumber(cursor: Cursor): PyValue {
  NUMBER.lastIndex = cursor.at;
  const match = NUMBER.exec(cursor.text);
  if (match === null) throw new SyntaxError(`Cannot read JSON: expected a value at ${String(cursor.at)}`);
  cursor.at = NUMBER.lastIndex;
  const isFloat = match[1] !== undefined || match[2] !== undefined;
  return isFloat ? Number(match[0]) : BigInt(match[0]);
}

function readString(cursor: Cursor): string {
  const start = cursor.at;
  let end = start + 1;
  for (;;) {
    const character = cursor.text.charCodeAt(end);
    if (Number.isNaN(character)) throw new SyntaxError("Cannot read JSON: unterminated string");
    if (character === 0x22) break;
    end += character === 0x5c ? 2 : 1;
  }
  cursor.at = end + 1;
  // JSON.parse checks escapes and control characters as Python's strict mode does.
  return JSON.parse(cursor.text.slice(start, cursor.at)) as string; // the slice is one quoted string
}

function readDict(cursor: Cursor, depth: number): PyDict {
  const result: PyDict = new Map();
  cursor.at++;
  if (takes(cursor, "}")) return result;
  do {
    skipSpace(cursor);
    if (cursor.text[cursor.at] !== '"') throw new SyntaxError(`Cannot read JSON: expected a key at ${String(cursor.at)}`);
    const key = readString(cursor);
    if (!takes(cursor, ":")) throw new SyntaxError(`Cannot read JSON: expected ":" at ${String(cursor.at)}`);
    result.set(key, readValue(cursor, depth + 1));
  } while (takes(cursor, ","));
  if (!takes(cursor, "}")) throw new SyntaxError(`Cannot read JSON: expected "}" at ${String(cursor.at)}`);
  return result;
}

function readList(cursor: Cursor, depth: number): PyValue[] {
  const result: PyValue[] = [];
  cursor.at++;
  if (takes(cursor, "]")) return result;
  do result.push(readValue(cursor, depth + 1));
  while (takes(cursor, ","));
  if (!takes(cursor, "]")) throw new SyntaxError(`Cannot read JSON: expected "]" at ${String(cursor.at)}`);
  return result;
}

function takes(cursor: Cursor, character: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== character) return false;
  cursor.at++;
  return true;
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const code = cursor.text.charCodeAt(cursor.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    cursor.at++;
  }
}

function dumpsString(text: string): string {
  const quoted = JSON.stringify(text);
  // Python escapes everything outside space…~; JSON.stringify leaves DEL and non-ASCII as they are. Few texts have any.
  if (!OUTSIDE_ASCII.test(quoted)) return quoted;
  return quoted.replaceAll(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function dumpsSpecial(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}
