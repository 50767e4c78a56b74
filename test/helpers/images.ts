import sharp from "sharp";

export interface ImageOptions {
  readonly widthPx?: number;
  readonly heightPx?: number;
  /** Colours of the four corners: two images with other corners look different. */
  readonly seed?: number;
  /** 0 for a flat image. */
  readonly contrast?: number;
  readonly format?: "png" | "jpeg" | "webp";
  /** Written into the PNG's metadata, so that equal pixels are another file. */
  readonly comment?: string;
}

/** A small real image with gradients and texture, the same for the same options. */
export async function makeImage(options: ImageOptions = {}): Promise<Buffer> {
  const { widthPx = 64, heightPx = 48, seed = 1, contrast = 1, format = "png", comment } = options;
  const data = Buffer.alloc(widthPx * heightPx * 3);
  let state = seed * 2654435761;
  const noise = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const waves = Array.from({ length: 6 }, () => noise() * 8 - 4);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const shade =
        Math.sin(waves[0]! + (waves[1]! * x) / 10) + Math.cos(waves[2]! + (waves[3]! * y) / 10) + Math.sin((waves[4]! * (x + y)) / 20);
      const value = 128 + contrast * (shade * 30 + (noise() - 0.5) * 20);
      const at = (y * widthPx + x) * 3;
      data[at] = value;
      data[at + 1] = 255 - value;
      data[at + 2] = value / 2 + 40;
    }
  }
  const image = sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } });
  if (comment !== undefined) image.withExif({ IFD0: { ImageDescription: comment } });
  return image.toFormat(format).toBuffer();
}
