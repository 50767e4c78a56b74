import type { ImageFormat, ImageFormatName } from "./image-format.ts";

const IMAGE_FORMATS = {
  parquet: async () => (await import("./parquet.ts")).parquetFormat,
  webdataset: async () => (await import("./webdataset.ts")).webdatasetFormat,
  imagefolder: async () => (await import("./imagefolder.ts")).imagefolderFormat,
  winlose: async () => (await import("./winlose.ts")).winloseFormat,
} satisfies Record<ImageFormatName, () => Promise<ImageFormat>>;

/** Loads a format that carries the images. A new one is its name in the configuration's schema, a file beside this and a line here. */
export function loadImageFormat(name: ImageFormatName): Promise<ImageFormat> {
  return IMAGE_FORMATS[name]();
}
