import { existsSync } from "node:fs";
import { extname } from "node:path";
import { ConfigError } from "../errors.ts";
import { type PromptSource, type PromptSourceFactory, fileHintOf, promptsError } from "./prompt-source.ts";

/** Sources by file extension. A new one is a file beside this and a line here. */
export const PROMPT_SOURCES: Readonly<Record<string, PromptSourceFactory>> = {
  txt: async (file, options) => (await import("./text.ts")).textSource(file, options),
  jsonl: async (file, options) => (await import("./jsonl.ts")).jsonlSource(file, options),
  json: async (file, options) => (await import("./json.ts")).jsonSource(file, options),
  csv: async (file, options) => (await import("./table.ts")).csvSource(file, options),
  tsv: async (file, options) => (await import("./table.ts")).tsvSource(file, options),
  parquet: async (file, options) => (await import("./parquet.ts")).parquetSource(file, options),
};

/** Opens a file of prompts by its extension; `.gz` after it is unpacked on the way. @throws {ConfigError} for one that no source reads. */
export async function openPromptSource(file: string): Promise<PromptSource> {
  const gzip = /\.gz$/i.test(file);
  const extension = extname(gzip ? file.slice(0, -".gz".length) : file)
    .slice(1)
    .toLowerCase();
  const factory = Object.hasOwn(PROMPT_SOURCES, extension) ? PROMPT_SOURCES[extension] : undefined;
  if (factory !== undefined) return factory(file, { gzip });
  if (!existsSync(file)) throw promptsError(file, "there is no such file", { hint: fileHintOf(file) });
  const known = Object.keys(PROMPT_SOURCES).map((name) => `.${name}`);
  throw new ConfigError(
    `Cannot read the prompts ${file}: ${extension === "" ? "it has no extension" : `.${extension} is no format of prompts`}`,
    {
      hint: `rename or convert it: ${known.join(", ")}, or .gz of the text ones`,
    },
  );
}
