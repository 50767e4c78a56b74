import { ConfigError } from "../errors.ts";
import type { Exporter } from "./row.ts";
import type { ImageFormat } from "./image-format.ts";

/** Formats of rows by their name in `export.formats`. A new one is a file beside this and a line here. */
const EXPORTERS: Readonly<Record<string, () => Promise<Exporter>>> = {
  jsonl: async () => (await import("./jsonl.ts")).jsonlExporter,
};

/** Formats that carry the images, likewise. */
const IMAGE_FORMATS: Readonly<Record<string, () => Promise<ImageFormat>>> = {
  parquet: async () => (await import("./parquet.ts")).parquetFormat,
  webdataset: async () => (await import("./webdataset.ts")).webdatasetFormat,
  imagefolder: async () => (await import("./imagefolder.ts")).imagefolderFormat,
  winlose: async () => (await import("./winlose.ts")).winloseFormat,
};

/** @throws {ConfigError} for a format that this version cannot write. */
export function openExporter(format: string): Promise<Exporter> {
  return opened(EXPORTERS, format);
}

/** @throws {ConfigError} for a format that carries no images, or that this version cannot write. */
export function openImageFormat(format: string): Promise<ImageFormat> {
  return opened(IMAGE_FORMATS, format);
}

async function opened<Format>(formats: Readonly<Record<string, () => Promise<Format>>>, format: string): Promise<Format> {
  const open = Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (open !== undefined) return open();
  throw new ConfigError(`Cannot export as ${format}: there is no such format`, {
    hint: `export.formats knows ${[...Object.keys(EXPORTERS), ...Object.keys(IMAGE_FORMATS)].join(", ")}`,
  });
}
