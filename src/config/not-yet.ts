import { pathOfSet } from "./normalise-pairs.ts";
import type { Path } from "./path.ts";
import type { ConfigFile } from "./schema.ts";

/** A value that the configuration has a place for and this version cannot serve. */
export interface NotYet {
  readonly path: Path;
  /** What was asked for, in words. */
  readonly what: string;
}

/** What the configuration asks for and a later version brings. To be shortened line by line. */
export function notYet(config: ConfigFile, file: { readonly wrapped: boolean }): readonly NotYet[] {
  const { annotate, export: exported } = config;
  return [
    ...Object.entries(annotate.pairs).flatMap(([set, { from = [] }]) =>
      from.includes("combined") ? [{ path: [...pathOfSet(set, file), "from"], what: "the source combined" }] : [],
    ),
    ...exported.formats.flatMap((format, index) =>
      format === "jsonl" ? [] : [{ path: ["export", "formats", index], what: `the format ${format}` }],
    ),
    ...exported.tables.flatMap((table, index) =>
      table === "default" ? [] : [{ path: ["export", "tables", index], what: `the table ${table}` }],
    ),
    ...(exported.images.format === "original" ? [] : [{ path: ["export", "images", "format"], what: "converting images" }]),
  ];
}
