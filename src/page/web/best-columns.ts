import type { Size } from "./zoom.ts";

export interface Grid {
  readonly count: number;
  readonly area: Size;
  readonly picture: Size;
  /** Between two cells. */
  readonly gapPx: number;
  /** Of each cell's height, for what stands below its picture. */
  readonly captionPx: number;
}

/** In how many columns pictures of one size are largest. Where two are alike, more columns: side by side compares best. */
export function bestColumns({ count, area, picture, gapPx, captionPx }: Grid): number {
  let best = { columns: count, scale: 0 };
  for (let rows = 1; rows <= count; rows++) {
    // The fewest for so many rows: four pictures are two by two, not three and one.
    const columns = Math.ceil(count / rows);
    const scale = Math.min(
      (area.width - gapPx * (columns - 1)) / columns / picture.width,
      ((area.height - gapPx * (rows - 1)) / rows - captionPx) / picture.height,
    );
    if (scale > best.scale) best = { columns, scale };
  }
  return best.columns;
}
