import { dumpsPython, floatRepr, isPyDict, isPyList, type PyValue } from "./python-json.ts";

// The conversions that ComfyUI's validation makes with Python's own int(), float(), str() and bool(), and the messages
// that they raise, since those messages end up in node_errors.

/** Raised as by int() or float(), with Python's message. */
export class PyConversionError extends Error {
  override readonly name = "PyConversionError";
}

/** `str(value)`. */
export function pyStr(value: PyValue): string {
  return typeof value === "string" ? value : pyRepr(value);
}

/** `repr(value)`. */
export function pyRepr(value: PyValue): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return floatRepr(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return reprString(value);
  if (isPyList(value)) return `[${value.map(pyRepr).join(", ")}]`;
  return `{${[...value].map(([key, item]) => `${reprString(key)}: ${pyRepr(item)}`).join(", ")}}`;
}

/** `int(value)`: truncates floats, reads decimal strings with spaces and underscores. @throws {PyConversionError} */
export function pyInt(value: PyValue): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return intOfFloat(value);
  if (typeof value === "string") {
    const digits = value.trim();
    if (/^[+-]?\d+(_\d+)*$/.test(digits)) return BigInt(digits.replace(/^\+/, "").replaceAll("_", ""));
    throw new PyConversionError(`invalid literal for int() with base 10: ${pyRepr(value)}`);
  }
  throw new PyConversionError(`int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`);
}

/** `float(value)`. @throws {PyConversionError} */
export function pyFloat(value: PyValue): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") {
    const text = value.trim().toLowerCase();
    if (/^[+-]?(\d+(_\d+)*\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) return Number(text.replaceAll("_", ""));
    if (/^[+-]?inf(inity)?$/.test(text)) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    if (/^[+-]?nan$/.test(text)) return Number.NaN;
    throw new PyConversionError(`could not convert string to float: ${pyRepr(value)}`);
  }
  throw new PyConversionError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
}

/** `bool(value)`. */
export function pyBool(value: PyValue): boolean {
  if (isPyList(value)) return value.length > 0;
  return isPyDict(value) ? value.size > 0 : Boolean(value);
}

/** `a == b` for JSON values: 1, 1.0 and True are equal. */
export function pyEquals(a: PyValue, b: PyValue): boolean {
  const left = numeric(a);
  const right = numeric(b);
  // bigint == number compares exact values in JavaScript, too.
  if (left !== undefined && right !== undefined) return left == right;
  return a === b || dumpsPython(a) === dumpsPython(b);
}

function numeric(value: PyValue): number | bigint | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" || typeof value === "bigint" ? value : undefined;
}

function intOfFloat(value: number): bigint {
  if (Number.isNaN(value)) throw new PyConversionError("cannot convert float NaN to integer");
  if (!Number.isFinite(value)) throw new PyConversionError("cannot convert float infinity to integer");
  return BigInt(Math.trunc(value));
}

/** `type(value).__name__`. */
export function typeName(value: PyValue): string {
  if (value === null) return "NoneType";
  if (isPyList(value)) return "list";
  if (isPyDict(value)) return "dict";
  return { string: "str", boolean: "bool", bigint: "int", number: "float" }[typeof value as "string" | "boolean" | "bigint" | "number"]; // what is left
}

/** Python prefers single quotes, and double ones only around text with a single quote and no double one. */
function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    // oxlint-disable-next-line no-control-regex -- control characters are what is escaped here
    .replaceAll(/[\u0000-\u001f\u007f]/g, (unit) => `\\x${unit.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `${quote}${body}${quote}`;
}

/** A Python exception of a node or of a check. Its type and text reach ComfyUI's answer, or execution_error. */
export class PyException extends Error {
  override readonly name = "PyException";
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** KeyError's text is the key's repr. */
export function keyError(key: PyValue): PyException {
  return new PyException("KeyError", pyRepr(key));
}

/** Frames in the form of `traceback.format_tb`, without line numbers and source lines. */
export function traceback(...functions: readonly string[]): PyValue {
  return functions.map((name) => `  File "/ComfyUI/execution.py", in ${name}\n`);
}
