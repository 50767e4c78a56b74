import { RejectError, messageOf } from "../errors.ts";

/** Longest side, px: two images beside each other fill a large screen, and each is a tenth of its PNG. */
const VIEW_SIDE_PX = 1_024;
/** More pixels than any image that one card makes; see decode.ts. */
const MAX_PIXELS = 100_000_000;
/** Artefacts of the thumbnail must not decide between two images; 90 is where people stop seeing them, at twice the bytes of 80. */
const QUALITY = 90;
/** 0 takes 13 ms for 512 px a side, 44 ms for 1,024; the default of 4 takes 2.5 times as long for 5 % fewer bytes. */
const EFFORT = 0;

/**
 * Makes of an image what people choose by: WebP in sRGB, never enlarged, without metadata. Throws RejectError("corrupt") for what is none.
 */
export type EncodeView = (bytes: Uint8Array) => Promise<Uint8Array>;

/** Loads sharp; an image is encoded on one of libuv's threads. */
export async function openViewEncoder(): Promise<EncodeView> {
  const { default: sharp } = await import("sharp");
  sharp.concurrency(1); // libvips' own threads would take the cores that answer requests.
  sharp.cache(false);
  return async (bytes) => {
    try {
      return await sharp(bytes, { limitInputPixels: MAX_PIXELS })
        .resize(VIEW_SIDE_PX, VIEW_SIDE_PX, { fit: "inside", withoutEnlargement: true })
        .webp({ quality: QUALITY, effort: EFFORT })
        .toBuffer();
    } catch (error) {
      throw new RejectError("corrupt", messageOf(error), { cause: error });
    }
  };
}
