import type { Config } from "../../../config/schema.ts";
import { FatalError, messageOf } from "../../../errors.ts";
import type { Image } from "../../../exporters/image-format.ts";
import { SNIFF_BYTES, sniffFormat, type ImageFormat } from "../../../images/formats/format.ts";
import { walker } from "../../../images/formats/walk.ts";

/** As in images/decode.ts: more than any image that one card makes. */
const MAX_PIXELS = 100_000_000;

export type ImageSettings = Config["export"]["images"];

export type ConvertedImage = Omit<Image, "done">;

/** Converts a stored image to what is exported: without metadata, and in the format and size of `export.images`. */
export type ConvertImage = (bytes: Uint8Array, name: string) => Promise<ConvertedImage>;

/**
 * Creates the converter. An image that keeps its format and size loses its metadata and nothing else. An image that is encoded anew has the
 * pixels that training loaders see: no colour profile is applied, and transparency is lost where the format has none. Two images of one
 * size stay of one size.
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

/** Pieces of an image that follow each other. */
interface Run {
  readonly first: Buffer;
  /** Offset in the image. Null for a changed copy, which lies elsewhere. */
  readonly from: number | null;
  sizeBytes: number;
}

/**
 * Takes texts, EXIF and XMP out of a verified image: they hold the workflow, and would show a second judge how the image was made. What
 * stays is moved together in the memory of `bytes`, which must not be used afterwards. A copy of each image would be a third of the garbage
 * of an export.
 */
export function withoutMetadata(bytes: Uint8Array): { readonly bytes: Buffer; readonly format: ImageFormat } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const format = sniffFormat(whole.subarray(0, SNIFF_BYTES));
  const runs: Run[] = [];
  const keep = (piece: Buffer): void => {
    const at = piece.buffer === whole.buffer ? piece.byteOffset - whole.byteOffset : -1;
    const from = at >= 0 && at < whole.length ? at : null;
    const last = runs.at(-1);
    if (last !== undefined && last.from !== null && last.from + last.sizeBytes === from) last.sizeBytes += piece.length;
    else runs.push({ first: piece, from, sizeBytes: piece.length });
  };
  const nothing = (): void => undefined;
  walker(format.strip({ keep, drop: nothing, headEnds: nothing })).feed(whole);
  return { bytes: movedTogether(whole, runs), format };
}

/** Moves runs next to the longest one. That is mostly the pixels, a megabyte, and texts stand before them. */
function movedTogether(whole: Buffer, runs: readonly Run[]): Buffer {
  const longest = runs.reduce<Run | null>(
    (found, run) => (run.from !== null && run.sizeBytes > (found?.sizeBytes ?? 0) ? run : found),
    null,
  );
  let begin = longest?.from ?? 0;
  let end = begin + (longest?.sizeBytes ?? 0);
  const move = ({ first, from, sizeBytes }: Run, to: number): void => {
    if (from === null) first.copy(whole, to);
    else whole.copyWithin(to, from, from + sizeBytes);
  };
  const place = longest === null ? -1 : runs.indexOf(longest);
  // The nearest first: what a run overwrites was left out, or has moved already.
  for (const run of runs.slice(0, Math.max(place, 0)).toReversed()) move(run, (begin -= run.sizeBytes));
  for (const run of runs.slice(place + 1)) {
    move(run, end);
    end += run.sizeBytes;
  }
  return whole.subarray(begin, end);
}
