import { ConfigError } from "../errors.ts";
import type { Exporter } from "./exporter.ts";

/** Formats by their name in `export.formats`. A new one is a file beside this and a line here. */
const EXPORTERS: Readonly<Record<string, () => Promise<Exporter>>> = {
  jsonl: async () => (await import("./jsonl.ts")).jsonlExporter,
};

/** @throws {ConfigError} for a format that this version cannot write. */
export async function openExporter(format: string): Promise<Exporter> {
  const open = Object.hasOwn(EXPORTERS, format) ? EXPORTERS[format] : undefined;
  if (open === undefined) {
    throw new ConfigError(`Cannot export as ${format}: this format comes with a later version`, {
      hint: `export.formats knows ${Object.keys(EXPORTERS).join(", ")}`,
    });
  }
  return open();
}
