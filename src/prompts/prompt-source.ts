/** One prompt as its file gave it, before identity and templates: column or key → value as text. */
export interface RawPrompt {
  /** 1-based, in the source's `unit`, for messages. */
  readonly position: number;
  /** Without those that are null or missing. Has no prototype, so that a column may have any name. */
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
  /** What positions count. */
  readonly unit: "line" | "item" | "row";
  /** From the start at each call. Stopping early closes the file. */
  rows(options?: RowsOptions): AsyncIterable<RawPrompt>;
}

/** Opens a file as a source. One factory a format; see `registry.ts`. */
export type PromptSourceFactory = (file: string, options: { readonly gzip: boolean }) => Promise<PromptSource>;
