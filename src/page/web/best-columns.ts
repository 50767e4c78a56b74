import type { Size } from "./zoom.ts";

export interface Grid {
  readonly count: number;
  readonly area: Size;
  readonly image: Size;
  /** Between two cells. */
  readonly gapPx: number;
  /** Of each cell's height, for what stands below its image. */
  readonly captionPx: number;
}

/** In how many columns images of one size are largest. Where two are alike, more columns: side by side compares best. */
export function bestColumns({ count, area, image, gapPx, captionPx }: Grid): number {
  let best = { columns: count, scale: 0 };
  for (let rows = 1; rows <= count; rows++) {
    // The fewest for so many rows: four images are two by two, not three and one.
    const columns = Math.ceil(count / rows);
    const scale = Math.min(
      (area.width - gapPx * (columns - 1)) / columns / image.width,
      ((area.height - gapPx * (rows - 1)) / rows - captionPx) / image.height,
    );
    if (scale > best.scale) best = { columns, scale };
  }
  return best.columns;
}
