import type { Config } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { didYouMean } from "../lib/nearest.ts";
import type { PromptSource, RawPrompt } from "./prompt-source.ts";

/** Keys named in a message at most. */
const KEYS_SHOWN = 20;

/** Keys remembered at most, to look for the nearest: rows may have any. */
const KEYS_COMPARED = 1_000;

/** Column → the key of the configuration that names it. */
type NamedColumns = ReadonlyMap<string, string>;

/**
 * Finds columns that are not there: at once where the file has a header, else when no row had such a key.
 * @throws {ConfigError} naming file, column, the columns there are and the nearest.
 */
export function expectColumns(settings: Config["prompts"], { columns }: PromptSource) {
  const named = namedColumns(settings);
  const unseen = new Map(columns === null ? named : []);
  const seen = new Set<string>();
  const absent = [...named.keys()].find((column) => columns !== null && !columns.includes(column));
  if (absent !== undefined) throw missing(settings, { column: absent, why: "there is no", named, known: columns ?? [] });

  return {
    wanted: [...named.keys()],
    see({ fields, nulls = [] }: RawPrompt): void {
      if (unseen.size === 0) return;
      for (const key of [...Object.keys(fields), ...nulls]) {
        unseen.delete(key);
        if (seen.size < KEYS_COMPARED) seen.add(key);
      }
    },
    /** True if nothing further on can matter. */
    allSeen: (): boolean => unseen.size === 0,
    /** At the end of the file. */
    refuseUnseen(): void {
      const [column] = unseen.keys();
      if (column !== undefined && seen.size > 0) throw missing(settings, { column, why: "no row has", named, known: [...seen] });
    },
  };
}

function namedColumns(settings: Config["prompts"]): NamedColumns {
  const { prompt, send, negative, id, columns, keep } = settings;
  const single = { "prompts.prompt": prompt, "prompts.send": send, "prompts.negative": negative, "prompts.id": id };
  const named = new Map<string, string>();
  for (const [key, column] of Object.entries(single)) if (column !== undefined && !named.has(column)) named.set(column, key);
  for (const [name, column] of Object.entries(columns)) if (!named.has(column)) named.set(column, `prompts.columns.${name}`);
  for (const column of keep) if (!named.has(column)) named.set(column, "prompts.keep");
  return named;
}

interface Missing {
  readonly column: string;
  readonly why: string;
  readonly named: NamedColumns;
  readonly known: readonly string[];
}

function missing({ file }: Config["prompts"], { column, why, named, known }: Missing): ConfigError {
  const [only = ""] = known;
  const separator = known.length === 1 ? /[;\t|]/.exec(only)?.[0] : undefined;
  const names = known.slice(0, KEYS_SHOWN).map((name) => JSON.stringify(name));
  return new ConfigError(`Cannot use the prompts ${file}: ${why} "${column}" (${named.get(column)})${didYouMean(column, known)}`, {
    hint:
      separator === undefined
        ? `it has ${names.join(", ")}${known.length > KEYS_SHOWN ? ", …" : ""}`
        : `its cells seem to be separated by ${JSON.stringify(separator)}: write it as .csv with commas, or as .tsv with tabs`,
  });
}
