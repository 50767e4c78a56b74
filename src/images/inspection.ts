/**
 * Below this standard deviation of luma (0…127.5) an image is blank; JPEG noise on one colour stays below 1.
 * It is part of the built-in judge's formula: raise that judge's version with it.
 */
export const BLANK_LUMA_STD = 2;

/** Facts of one decoded image, made once per stored image whatever the judges. */
export interface Inspection {
  readonly widthPx: number;
  readonly heightPx: number;
  /** SHA-256 (hex) of size and decoded 8-bit RGBA pixels: equal for equal images whatever their metadata. */
  readonly pixelSha256: string;
  /** 64-bit difference hash, 16 hex digits. */
  readonly perceptualHash: string;
  /** Standard deviation of luma, 0…127.5. Below `BLANK_LUMA_STD` the image is blank. */
  readonly lumaStd: number;
  /** Mean absolute Laplacian of luma, ≥ 0. */
  readonly sharpness: number;
  /** Shannon entropy of the luma histogram, bits, 0…8. */
  readonly entropy: number;
}
