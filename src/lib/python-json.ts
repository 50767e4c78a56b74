import { DEPTH_MAX, DepthError, exactNumber, parseExact, type Json } from "./exact-json.ts";

// ComfyUI, its nodes and most judges are Python programs: their json module writes three numbers that JSON has no word for, and reads
// them, too. A node whose IS_CHANGED is NaN ("always run me") has one in every graph, image and history entry that it is part of.

/** Source: docs.python.org/3/library/json.html, "Infinite and NaN Number Values". */
const CONSTANTS = ["NaN", "Infinity", "-Infinity"] as const;
/**
 * Spellings of 0 that no program writes, to stand for them where a number of JSON must stand. With a sign before and a space behind,
 * so that a literal does not grow together with digits beside it.
 */
const LITERALS: Readonly<Record<(typeof CONSTANTS)[number], string>> = {
  NaN: "-0.0e-997 ",
  Infinity: "-0.0e-998 ",
  "-Infinity": "-0.0e-999 ",
};
const NUMBERS: ReadonlyMap<string, number> = new Map(CONSTANTS.map((word) => [LITERALS[word].trimEnd(), Number(word)]));
const ANY_CONSTANT = /NaN|Infinity/;
const STRING_OR_LITERAL = /"[^"\\]*(?:\\.[^"\\]*)*"|-0\.0e-99[789]/g;

/**
 * Parses what Python's json module wrote: exact integers as `parseExact` reads them, NaN and ±Infinity as those numbers.
 * @throws {SyntaxError} if the text is neither that nor JSON, {DepthError} if it is nested too deeply.
 */
export function parsePython(text: string): Json {
  if (!ANY_CONSTANT.test(text)) return parseExact(text);
  const filter = pythonConstantsFilter();
  // The reviver returns only JSON values and bigints, which is what Json says.
  return JSON.parse(filter.push(text) + filter.end(), (_key, value, { source }) =>
    typeof value === "number" && source !== undefined ? pythonNumber(source) : value,
  ) as Json;
}

/** The same, for text that anybody may have written: undefined if it cannot be parsed. */
export function tryParsePython(text: string): Json | undefined {
  try {
    return parsePython(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The number that a literal of a filtered text stands for. */
export function pythonNumber(literal: string): number | bigint {
  return NUMBERS.get(literal) ?? exactNumber(Number(literal), literal);
}

/**
 * Writes what `parsePython` reads, for Python to read: NaN and ±Infinity as its json module spells them, all else as `stringifyExact`.
 * No other program reads such a text: what is exported is written by `stringifyExact`, which makes them null.
 */
export function stringifyPython(value: Json, indent?: number): string {
  let hasConstants = false;
  const text = JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (typeof item === "bigint") return JSON.rawJSON(item.toString());
      const word = CONSTANTS.find((constant) => Object.is(item, Number(constant)));
      if (word === undefined) return item;
      hasConstants = true;
      return JSON.rawJSON(LITERALS[word].trimEnd());
    },
    indent,
  );
  if (!hasConstants) return text;
  // Strings are matched to be passed over: one of them may spell a literal.
  return text.replaceAll(STRING_OR_LITERAL, (found) => (NUMBERS.has(found) ? String(NUMBERS.get(found)) : found));
}

interface PythonConstantsFilter {
  /** Takes a piece of the text. Returns what is certain by now. @throws {DepthError} if it is nested too deeply. */
  push(piece: string): string;
  /** Returns the text that was held back. */
  end(): string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);
const FIRST_LETTERS: ReadonlySet<number> = new Set(CONSTANTS.map((word) => word.charCodeAt(0)));

/**
 * Spells NaN, Infinity and -Infinity outside strings as numbers of JSON that `pythonNumber` understands, piece by piece, for parsers that
 * know only JSON.
 */
export function pythonConstantsFilter(): PythonConstantsFilter {
  let inString = false;
  let depth = 0;
  let held = "";

  function push(piece: string): string {
    const text = held + piece;
    held = "";
    let clean = "";
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) inString = !inString;
      else if (inString) {
        if (code !== BACKSLASH) continue;
        if (at + 1 === text.length) return holdFrom(at);
        at++; // An escaped character does not end the string.
      } else if (OPENING.has(code)) {
        if (++depth > DEPTH_MAX) throw new DepthError();
      } else if (CLOSING.has(code)) depth--;
      else if (FIRST_LETTERS.has(code)) {
        const word = CONSTANTS.find((constant) => text.startsWith(constant, at));
        if (word !== undefined) {
          clean += text.slice(from, at) + LITERALS[word];
          from = at + word.length;
          at = from - 1;
        } else if (mayBecomeConstant(text, at)) return holdFrom(at);
      }
    }
    return clean + text.slice(from);

    function holdFrom(at: number): string {
      held = text.slice(at);
      return clean + text.slice(from, at);
    }
  }

  return { push, end: () => held };
}

/** The text ends in the middle of what may be a constant. */
function mayBecomeConstant(text: string, at: number): boolean {
  const rest = text.length - at;
  return rest < "-Infinity".length && CONSTANTS.some((constant) => constant.startsWith(text.slice(at)));
}
