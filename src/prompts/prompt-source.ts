import { basename } from "node:path";
import { ConfigError, messageOf } from "../errors.ts";
import { fileProblem } from "../lib/files/file-problem.ts";

/** One prompt as its file gave it, before identity and templates: column or key → value as text. */
export interface RawPrompt {
  /** 1-based, in the source's `unit`, for messages. */
  readonly position: number;
  /** The columns that are neither null nor missing. The object has no prototype, so that a column may have any name. */
  readonly fields: Readonly<Record<string, string>>;
  /** Keys that hold null here; only from formats without a header, where a column is known by its rows. */
  readonly nulls?: readonly string[];
  /** Columns that hold a list or an object here: `fields` has them as JSON, which is good for nothing but to be kept. */
  readonly nested?: readonly string[];
}

export interface RowsOptions {
  /** The columns wanted. A format that stores columns apart reads no others; the rest may give more. */
  readonly columns?: readonly string[];
}

/**
 * Reads prompts from one kind of file, streamed: memory does not grow with the file.
 * Text is UTF-8; a byte order mark is dropped. Numbers and booleans are given as they are written, lists and objects as JSON.
 * @throws {ConfigError} naming file and position for anything that cannot be read.
 */
export interface PromptSource {
  /** The header where the format has one (missing columns are found before any work), else null. */
  readonly columns: readonly string[] | null;
  /** The unit that positions count: lines, records or rows. */
  readonly unit: "line" | "item" | "row";
  /** Reads the rows, from the start at each call. Stopping early closes the file. */
  rows(options?: RowsOptions): AsyncIterable<RawPrompt>;
}

/** Opens a file as a source. One factory a format; see `registry.ts`. */
export type PromptSourceFactory = (file: string, options: { readonly gzip: boolean }) => Promise<PromptSource>;

/** `Cannot read the prompts FILE: …`. */
export function promptsError(
  file: string,
  why: string,
  { hint, cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): ConfigError {
  return new ConfigError(`Cannot read the prompts ${file}: ${why}`, { ...(hint === undefined ? {} : { hint }), cause });
}

/** Turns an error of the file system or of gzip into one that names the file. Returns a ConfigError as it is. */
export function readError(file: string, error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("Z_"))
    return promptsError(file, `it is no whole gzip file (${messageOf(error)})`, { hint: "compress it again", cause: error });
  return promptsError(file, fileProblem(error), { hint: fileHintOf(file), cause: error });
}

/** Returns the hint for a file that does not exist. */
export function fileHintOf(file: string): string {
  const path = "check prompts.file; relative paths start at the config file";
  return basename(file) === "none"
    ? `${path}. Candidates are made from prompts: for a workflow that takes no text write bind.prompt: none, and a file with one line`
    : path;
}

/** The column name of a line of text, and of a bare string among JSON objects. */
export const ONLY_COLUMN = "prompt";

/** Fields without a prototype: columns may be called `__proto__` or `constructor`. */
export function emptyFields(): Record<string, string> {
  return Object.create(null) as Record<string, string>; // Object.create is typed as any.
}

/**
 * The fields of a JSON value whose numbers are raw JSON: text as it is, numbers and booleans as written, lists and objects as JSON,
 * null left out; a bare string is the prompt. Undefined for anything that is neither object nor string.
 */
export function fieldsOfJson(value: unknown): Pick<RawPrompt, "fields" | "nulls" | "nested"> | undefined {
  const fields = emptyFields();
  if (typeof value === "string") {
    fields[ONLY_COLUMN] = value;
    return { fields };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || JSON.isRawJSON(value)) return undefined;
  const nulls: string[] = [];
  const nested: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) nulls.push(key);
    else fields[key] = typeof item === "string" ? item : jsonText(item);
    if (typeof item === "object" && item !== null && !JSON.isRawJSON(item)) nested.push(key);
  }
  return { fields, nulls, nested };
}

/** JSON.stringify hides half a surrogate pair behind an escape: it stands bare again, to be found and counted like any other. */
function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll(/\\\\|\\u(d[89a-f][0-9a-f]{2})/g, (match, half: string | undefined) =>
    half === undefined ? match : String.fromCharCode(Number.parseInt(half, 16)),
  );
}
