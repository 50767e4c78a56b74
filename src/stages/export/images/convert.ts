import type { Config } from "../../../config/schema.ts";
import { FatalError, messageOf } from "../../../errors.ts";
import type { Image } from "../../../exporters/image-format.ts";
import { withoutMetadata } from "./without-metadata.ts";

/** As in images/decode.ts: above any image that one card makes. */
const MAX_PIXELS = 100_000_000;

export type ImageSettings = Config["export"]["images"];

export type ConvertedImage = Omit<Image, "done">;

/** Makes of a stored image what is exported: without metadata, and as `export.images` wants it. */
export type ConvertImage = (bytes: Uint8Array, name: string) => Promise<ConvertedImage>;

/**
 * Opens the converter. An image that stays as it is loses its metadata and nothing else; what is encoded anew has the pixels that training
 * loaders see: no colour profile applied, no transparency where the format has none. Two images of one size stay of one size.
 */
export async function openConverter({ format, quality, max_side: maxSidePx }: ImageSettings): Promise<ConvertImage> {
  if (format === "original" && maxSidePx === null) return (bytes) => Promise.resolve(imageOf(bytes));
  const { default: sharp } = await import("sharp");
  sharp.concurrency(1); // libvips' own threads would compete with the images beside this one.
  sharp.cache(false);
  return async (bytes, name) => {
    const stripped = withoutMetadata(bytes);
    const target = format === "original" ? stripped.format.name : format;
    try {
      const image = sharp(stripped.bytes, { failOn: "warning", limitInputPixels: MAX_PIXELS, ignoreIcc: true });
      const { width, height } = await image.metadata();
      const isTooLarge = maxSidePx !== null && Math.max(width, height) > maxSidePx;
      if (format === "original" && !isTooLarge) return { bytes: stripped.bytes, extension: stripped.format.extension };
      if (isTooLarge) image.resize(maxSidePx, maxSidePx, { fit: "inside" });
      image.toColourspace("srgb");
      if (target === "jpeg") return { bytes: await image.removeAlpha().jpeg({ quality }).toBuffer(), extension: "jpg" };
      if (target === "webp") return { bytes: await image.webp({ quality }).toBuffer(), extension: "webp" };
      return { bytes: await image.png().toBuffer(), extension: "png" };
    } catch (error) {
      throw new FatalError(`Cannot export ${name} as ${target}: ${messageOf(error)}`, {
        hint: "exclude --image takes it out of all exports; export.images.format: original exports it as it is",
        cause: error,
      });
    }
  };
}

function imageOf(bytes: Uint8Array): ConvertedImage {
  const { bytes: own, format } = withoutMetadata(bytes);
  return { bytes: own, extension: format.extension };
}
