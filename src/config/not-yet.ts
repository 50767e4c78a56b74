import type { Path } from "./path.ts";
import type { ConfigFile } from "./schema.ts";

/** A value that the configuration has a place for and this version cannot serve. */
export interface NotYet {
  readonly path: Path;
  /** What was asked for, in words. */
  readonly what: string;
}

/** What the configuration asks for and a later version brings. To be shortened line by line. */
export function notYet(config: ConfigFile): readonly NotYet[] {
  const { export: exported } = config;
  return [
    ...exported.formats.flatMap((format, index) =>
      format === "jsonl" ? [] : [{ path: ["export", "formats", index], what: `the format ${format}` }],
    ),
    ...exported.tables.flatMap((table, index) =>
      table === "default" ? [] : [{ path: ["export", "tables", index], what: `the table ${table}` }],
    ),
    ...(exported.images.format === "original" ? [] : [{ path: ["export", "images", "format"], what: "converting images" }]),
  ];
}
