/** White space, then one token of RFC 8259 §2. Strings are unrolled: alternatives under a star take exponential time on an open quote. */
const TOKEN =
  // oxlint-disable-next-line no-control-regex -- RFC 8259 §7 forbids exactly these inside strings
  /[ \t\n\r]*(?:(?<mark>[{}[\]:,])|(?<string>"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*")|(?<scalar>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)))/y;
/** The constants that Python's json module reads besides. */
const PYTHON_CONSTANT = /[ \t\n\r]*(?<scalar>NaN|-?Infinity)(?!\w)/y;
const SPACE = /[ \t\n\r]*/y;

type Expected = "value" | "value or ]" | "key" | "key or }" | ":" | ", or }" | ", or ]" | "end";

interface JsonDialect {
  /** NaN and ±Infinity are values, as `parsePython` reads them. */
  readonly python?: boolean;
}

/**
 * Finds where a text that JSON.parse refused stops being JSON, and what was expected there. V8 names the place only in some of
 * its messages. `offset` in UTF-16 units from 0, `line` and `column` from 1.
 */
export function jsonErrorPosition(
  text: string,
  { python = false }: JsonDialect = {},
): { offset: number; line: number; column: number; expected: Expected } {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let offset = 0;
  for (;;) {
    const token = tokenAt(text, offset) ?? (python ? tokenAt(text, offset, PYTHON_CONSTANT) : null);
    const next: Expected | undefined = token === null ? undefined : afterToken(expected, token, open);
    if (token === null || next === undefined) break;
    expected = next;
    offset += token[0].length;
  }
  SPACE.lastIndex = offset;
  offset += SPACE.exec(text)?.[0].length ?? 0;
  const lines = text.slice(0, offset).split("\n");
  return { offset, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1, expected };
}

function tokenAt(text: string, offset: number, pattern = TOKEN): RegExpExecArray | null {
  pattern.lastIndex = offset;
  return pattern.exec(text);
}

/** Returns what may follow the token, or undefined if it was not expected. Updates `open`. */
function afterToken(expected: Expected, token: RegExpExecArray, open: ("{" | "[")[]): Expected | undefined {
  const mark = token.groups?.["mark"];
  const isString = token.groups?.["string"] !== undefined;
  if (expected === "value" || expected === "value or ]") {
    if (mark === "{" || mark === "[") {
      open.push(mark);
      return mark === "{" ? "key or }" : "value or ]";
    }
    if (mark === "]" && expected === "value or ]") return close(open);
    return mark === undefined ? afterValue(open) : undefined;
  }
  if (expected === "key" || expected === "key or }") {
    if (mark === "}" && expected === "key or }") return close(open);
    return isString ? ":" : undefined;
  }
  if (expected === ":") return mark === ":" ? "value" : undefined;
  if (expected === ", or }") return mark === "," ? "key" : mark === "}" ? close(open) : undefined;
  if (expected === ", or ]") return mark === "," ? "value" : mark === "]" ? close(open) : undefined;
  return undefined;
}

function close(open: ("{" | "[")[]): Expected {
  open.pop();
  return afterValue(open);
}

function afterValue(open: readonly ("{" | "[")[]): Expected {
  if (open.length === 0) return "end";
  return open.at(-1) === "{" ? ", or }" : ", or ]";
}
