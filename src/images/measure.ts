/** 8-bit RGB or RGBA pixels, row by row from the top. */
export interface Pixels {
  readonly data: Uint8Array;
  /** 3: every pixel is opaque. */
  readonly channels: 3 | 4;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** 8-bit luma of some or all rows of an image. */
interface LumaRows {
  readonly luma: Uint8Array;
  readonly widthPx: number;
  readonly rows: number;
}

export interface Measures {
  /** Standard deviation of luma, 0…127.5. */
  readonly lumaStd: number;
  /** Mean absolute Laplacian of luma, 0…1020. */
  readonly sharpness: number;
  /** Shannon entropy of the luma histogram, bits, 0…8. */
  readonly entropy: number;
}

/** Rows that the measures read. All of 1,024 would cost 40 ms an image, more than its decoding; 64 cost 2.5 ms. */
const ROWS_READ = 64;

/** Luma behind transparent pixels. Neither a black nor a white subject vanishes on it. */
const BACKDROP_LUMA = 128;

const HASH_WIDTH = 9;
const HASH_HEIGHT = 8;

/**
 * Luma statistics at full resolution, from 64 to 127 evenly spaced rows (and, for the Laplacian, the rows above and below them).
 * Pure arithmetic on integers: equal pixels give equal numbers on every machine.
 */
export function measurePixels(pixels: Pixels): Measures {
  const { widthPx, heightPx } = pixels;
  const step = Math.max(1, Math.floor(heightPx / ROWS_READ));
  const histogram = new Uint32Array(256);
  let laplacianSum = 0;
  let laplacianCount = 0;
  for (let y = Math.floor(step / 2); y < heightPx; y += step) {
    const first = Math.max(0, y - 1);
    const { luma, rows } = lumaOfRows(pixels, { first, last: Math.min(heightPx - 1, y + 1) });
    const row = (y - first) * widthPx;
    for (let x = 0; x < widthPx; x++) histogram[at(luma, row + x)] = (histogram[at(luma, row + x)] ?? 0) + 1;
    if (rows < 3) continue; // The outermost rows have no neighbour on one side.
    for (let x = 1; x < widthPx - 1; x++) {
      const i = row + x;
      const neighbours = at(luma, i - 1) + at(luma, i + 1) + at(luma, i - widthPx) + at(luma, i + widthPx);
      laplacianSum += Math.abs(4 * at(luma, i) - neighbours);
      laplacianCount++;
    }
  }
  return { ...histogramMeasures(histogram), sharpness: laplacianCount === 0 ? 0 : laplacianSum / laplacianCount };
}

/**
 * 64-bit difference hash, 16 hex digits: 9 × 8 cells of mean luma, a bit for each cell that is darker than its right neighbour.
 * Source: N. Krawetz, "Kind of Like That" (2013); the cells are averaged exactly, so that no resampling filter decides a bit.
 */
export function differenceHash(pixels: Pixels): string {
  const cells = cellMeans(lumaOfRows(pixels, { first: 0, last: pixels.heightPx - 1 }));
  let bits = 0n;
  for (let y = 0; y < HASH_HEIGHT; y++) {
    for (let x = 0; x < HASH_WIDTH - 1; x++) {
      const left = cells[y * HASH_WIDTH + x] ?? 0;
      const right = cells[y * HASH_WIDTH + x + 1] ?? 0;
      bits = (bits << 1n) | (left < right ? 1n : 0n);
    }
  }
  return bits.toString(16).padStart(16, "0");
}

/** Rec. 709 luma over the backdrop, in integers: 13,933 + 46,871 + 4,732 = 2^16. */
function lumaOfRows({ data, widthPx, channels }: Pixels, { first, last }: { readonly first: number; readonly last: number }): LumaRows {
  const rows = last - first + 1;
  const luma = new Uint8Array(rows * widthPx);
  for (let i = 0, byte = first * widthPx * channels; i < luma.length; i++, byte += channels) {
    const opaque = (13_933 * at(data, byte) + 46_871 * at(data, byte + 1) + 4_732 * at(data, byte + 2) + 32_768) >> 16;
    const alpha = channels === 4 ? at(data, byte + 3) : 255;
    luma[i] = alpha === 255 ? opaque : Math.round((opaque * alpha + BACKDROP_LUMA * (255 - alpha)) / 255);
  }
  return { luma, widthPx, rows };
}

function histogramMeasures(histogram: Uint32Array): Pick<Measures, "lumaStd" | "entropy"> {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (const [value, pixels] of histogram.entries()) {
    count += pixels;
    sum += value * pixels;
    squares += value * value * pixels;
  }
  let entropy = 0;
  for (const pixels of histogram) if (pixels > 0) entropy -= (pixels / count) * Math.log2(pixels / count);
  // `|| 0`: an image of one colour has the entropy 0, not -0.
  return { lumaStd: Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)), entropy: entropy || 0 };
}

function cellMeans({ luma, widthPx, rows }: LumaRows): number[] {
  const means: number[] = [];
  for (let cellY = 0; cellY < HASH_HEIGHT; cellY++) {
    const [top, bottom] = cellSpan(cellY, HASH_HEIGHT, rows);
    for (let cellX = 0; cellX < HASH_WIDTH; cellX++) {
      const [left, right] = cellSpan(cellX, HASH_WIDTH, widthPx);
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += at(luma, y * widthPx + x);
      means.push(sum / ((bottom - top) * (right - left)));
    }
  }
  return means;
}

/** Pixels [from, to) of a cell, at least one: images smaller than the grid use a pixel for several cells. */
function cellSpan(cell: number, cells: number, sizePx: number): [number, number] {
  const from = Math.floor((cell * sizePx) / cells);
  return [from, Math.max(from + 1, Math.floor(((cell + 1) * sizePx) / cells))];
}

/** Bounds are the callers' loops; `?? 0` only satisfies the type. */
function at(values: Uint8Array, index: number): number {
  return values[index] ?? 0;
}
