import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from "yaml";
import { ConfigError, messageOf } from "../errors.ts";
import type { Json } from "../lib/exact-json.ts";
import type { Path } from "./path.ts";

/** A place in a text, both from 1. */
interface TextPlace {
  readonly line: number;
  readonly column: number;
}

export interface YamlFile {
  /** Integers beyond ±(2^53 - 1) are bigints. */
  readonly value: Json;
  /** Returns the place of a key or its value; of the nearest parent if the path is missing. */
  locate(path: Path, part: "key" | "value"): TextPlace;
  /** True for text in quotes, or written as a block. */
  isQuoted(path: Path): boolean;
}

/** Deepest nesting of a configuration: ours has some 6 levels. What walks it does so recursively. */
const DEPTH_MAX = 100;

/**
 * Reads YAML 1.2 (core schema, with `<<` merges) without losing digits. Duplicate keys, unknown tags and more than one document
 * are errors. `file` is for messages.
 * @throws {ConfigError} naming line and column.
 */
export function parseYaml(text: string, { file }: { readonly file: string }): YamlFile {
  try {
    return readYaml(text, file);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // The stack is full.
    throw new ConfigError(`Cannot read the config ${file}: ${TOO_DEEP}`, { cause: error });
  }
}

const TOO_DEEP = `it is nested more than ${DEPTH_MAX} levels deep`;

function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { intAsBigInt: true, merge: true, lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const placeAt = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [first] = [...document.errors, ...document.warnings];
  // One mistake makes the parser complain about all that follows: the first is the one to mend.
  if (first !== undefined) throw notYaml(file, { place: placeAt(first.pos[0]), why: plainReason(first), text });
  refuseBadAliases(document, (offset, why) => notYaml(file, { place: placeAt(offset), why, text }));

  return {
    value: narrowIntegers(toPlain(document, file), 0),
    locate(path, part) {
      const found = find(document, path);
      const node = part === "key" || found.rest.length > 0 ? (found.key ?? found.node) : found.node;
      return placeAt(node?.range?.[0] ?? 0);
    },
    isQuoted(path) {
      const { node, rest } = find(document, path);
      return rest.length === 0 && isScalar(node) && node.type !== "PLAIN";
    },
  };
}

interface Found {
  readonly node: Node | null;
  readonly key: Node | null;
  /** The part of the path that is missing. */
  readonly rest: Path;
}

/** Follows a path through the nodes, as far as it goes. What a `<<` merge brought counts as not there. */
function find(document: Document.Parsed, path: Path): Found {
  let found: Found = { node: document.contents, key: null, rest: path };
  while (found.rest.length > 0) {
    const [step, ...rest] = found.rest;
    const parent = isAlias(found.node) ? (found.node.resolve(document) ?? null) : found.node;
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      // Parsed documents hold nodes, not plain values, as keys and values.
      found = { node: (pair.value ?? pair.key) as Node, key: pair.key as Node, rest };
    } else if (isSeq(parent)) {
      const item = parent.items[Number(step)];
      if (item === undefined) break;
      found = { node: item as Node, key: null, rest };
    } else break;
  }
  return found;
}

function refuseBadAliases(document: Document.Parsed, refuse: (offset: number, why: string) => ConfigError): void {
  visit(document, {
    Alias(_key, alias) {
      const offset = alias.range?.[0] ?? 0;
      const target = alias.resolve(document);
      if (target === undefined) throw refuse(offset, `there is no anchor &${alias.source} before it`);
      // An anchor stands before its alias: only one around it can lead back to it.
      const [start, , end] = target.range ?? [0, 0, 0];
      if (start <= offset && offset < end)
        throw refuse(offset, `*${alias.source} stands inside of &${alias.source}, so that it would never end`);
    },
  });
}

function toPlain(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // The alias limit of `yaml`: a few lines of aliases can stand for gigabytes.
    throw new ConfigError(`Cannot read the config ${file}: ${messageOf(error)}`, {
      hint: "write out what the aliases stand for",
      cause: error,
    });
  }
}

/** intAsBigInt makes every integer a bigint; those that a number holds exactly become numbers. */
function narrowIntegers(value: unknown, depth: number): Json {
  if (depth > DEPTH_MAX) throw new RangeError(TOO_DEEP);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map((item) => narrowIntegers(item, depth + 1));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, narrowIntegers(item, depth + 1)]));
  }
  return value as Json; // The core schema makes only text, number, boolean and null of scalars.
}

const REASONS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "the key stands there twice",
  MULTIPLE_DOCS: "a second document begins here; expected one",
  TAB_AS_INDENT: "tabs cannot indent YAML; use spaces",
};

function plainReason({ code, message }: { readonly code: string; readonly message: string }): string {
  if (message.includes("call stack")) return TOO_DEEP; // The parser is recursive, and tells so as an error in the text.
  return REASONS[code] ?? message.replace(/ at line \d+, column \d+[^]*$/, "");
}

interface YamlProblem {
  readonly place: TextPlace;
  readonly why: string;
  readonly text: string;
}

function notYaml(file: string, { place, why, text }: YamlProblem): ConfigError {
  const line = text.split(/\r?\n/)[place.line - 1] ?? "";
  return new ConfigError(`Cannot read the config ${file}: line ${place.line}, column ${place.column}: ${why}`, {
    // Inside { } and [ ] the brace of an unquoted ${NAME} opens a mapping.
    hint: /[[{,].*[^"']\$\{/.test(line)
      ? 'put "${NAME}" in quotes inside { } and [ ]'
      : "mend the YAML there; an editor with YAML support shows the place",
  });
}
