import { createHash } from "node:crypto";
import { RejectError, messageOf } from "../errors.ts";
import type { Inspection } from "./inspection.ts";
import { differenceHash, measurePixels, type Pixels } from "./measure.ts";

/** Longest side of a thumbnail, px: a cell of the annotation page and of the report's contact sheets. */
const THUMBNAIL_SIDE_PX = 320;

/** Largest image decoded: 400 MB as RGBA. Above any size that ComfyUI's upscalers make on one card; below what ends a laptop. */
const MAX_PIXELS = 100_000_000;

/** Opaque pixels get their alpha in pieces of 256 KiB, when they are hashed: decoding and shrinking without it costs a third less. */
const HASHED_PIXELS = 65_536;

/** Alpha of a pixel that nothing shows through, in a word of RGBA. */
const OPAQUE = 0xff_00_00_00;

export interface DecodedImage {
  readonly inspection: Inspection;
  /** WebP, at most 320 px a side, never enlarged. */
  readonly thumbnail: Uint8Array;
}

/** Decodes one stored image: bytes to facts. */
export type DecodeImage = (bytes: Uint8Array) => Promise<DecodedImage>;

/**
 * Loads sharp (66 ms, which `--help` must not pay) for one decode an image: pixel hash, perceptual hash, measures, thumbnail.
 * The heavy work runs on libuv's threads, one an image, so as many images as are in flight use as many cores.
 * The decoder throws RejectError("corrupt") for what is no whole image.
 */
export async function openDecoder(): Promise<DecodeImage> {
  const { default: sharp } = await import("sharp");
  sharp.concurrency(1); // libvips' own threads would compete with the images beside this one.
  sharp.cache(false); // No image is decoded twice, so a cache only holds memory.

  async function decodePixels(bytes: Uint8Array): Promise<Pixels> {
    try {
      // ignoreIcc: the pixels as training loaders (PIL, torchvision) see them, and equal pixels stay equal under other metadata.
      const { data, info } = await sharp(bytes, { failOn: "warning", limitInputPixels: MAX_PIXELS, ignoreIcc: true })
        .toColourspace("srgb")
        .raw({ depth: "uchar" })
        .toBuffer({ resolveWithObject: true });
      return { data, channels: channelsOf(info.channels), widthPx: info.width, heightPx: info.height };
    } catch (error) {
      throw new RejectError("corrupt", firstLine(messageOf(error)), { cause: error });
    }
  }

  async function shrink({ data, channels, widthPx, heightPx }: Pixels): Promise<Pixels> {
    const { data: small, info } = await sharp(data, {
      raw: { width: widthPx, height: heightPx, channels },
      limitInputPixels: MAX_PIXELS,
    })
      .resize(THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX, { fit: "inside", withoutEnlargement: true, kernel: "linear" })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data: small, channels, widthPx: info.width, heightPx: info.height };
  }

  return async (bytes) => {
    const pixels = await decodePixels(bytes);
    const small = await shrink(pixels);
    // effort 1: 9 ms instead of 24, for 10 % more bytes.
    const thumbnail = await sharp(small.data, { raw: { width: small.widthPx, height: small.heightPx, channels: small.channels } })
      .webp({ quality: 80, effort: 1 })
      .toBuffer();
    return { inspection: inspectPixels(pixels, small), thumbnail };
  };
}

function inspectPixels(pixels: Pixels, small: Pixels): Inspection {
  const { widthPx, heightPx } = pixels;
  return {
    widthPx,
    heightPx,
    pixelSha256: pixelSha256(pixels),
    perceptualHash: differenceHash(small),
    ...measurePixels(pixels),
  };
}

/** Hashes size and RGBA pixels, so that an opaque alpha channel makes no other image. */
function pixelSha256({ data, channels, widthPx, heightPx }: Pixels): string {
  // The size is hashed too: 2 × 8 and 4 × 4 pixels may be the same bytes.
  const hash = createHash("sha256").update(`${widthPx}x${heightPx}\n`);
  if (channels === 4) return hash.update(data).digest("hex");
  // A pixel a word: half the time of a byte at a time. Little-endian, as is every machine that Node and sharp run on.
  const rgba = new Uint32Array(HASHED_PIXELS);
  const bytes = new Uint8Array(rgba.buffer);
  for (let from = 0; from < data.length; from += HASHED_PIXELS * 3) {
    const end = Math.min(from + HASHED_PIXELS * 3, data.length);
    let to = 0;
    for (let byte = from; byte < end; byte += 3)
      rgba[to++] = OPAQUE | ((data[byte + 2] ?? 0) << 16) | ((data[byte + 1] ?? 0) << 8) | (data[byte] ?? 0);
    hash.update(bytes.subarray(0, to * 4));
  }
  return hash.digest("hex");
}

/** sRGB has three channels, or four. */
function channelsOf(channels: number): 3 | 4 {
  if (channels === 3 || channels === 4) return channels;
  throw new Error(`sharp decoded ${channels} channels`);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
