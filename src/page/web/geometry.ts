// How far all images of a task are zoomed, and where each is drawn for it. One view holds for all of them: what is compared is the
// same place of each. Sizes and offsets are CSS px; a place in an image is a share of its width and height, 0 to 1.

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Fit, or a scale (CSS px a px of the image) around the place that is in the middle of the cell. */
export type Zoom = "fit" | { readonly scale: number; readonly centre: Point };

/** An image, and the cell that it is drawn in. */
export interface Frame {
  readonly cell: Size;
  readonly image: Size;
}

/** Where the image's corner is in the cell, and how large it is drawn. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** CSS px a px of the image; beyond it there is nothing more to see. */
const SCALE_MAX = 8;

/** The scale at which the whole image just fits. */
export function fitScale({ cell, image }: Frame): number {
  return Math.min(cell.width / image.width, cell.height / image.height);
}

export function place(zoom: Zoom, frame: Frame): Placement {
  const scale = zoom === "fit" ? fitScale(frame) : zoom.scale;
  const centre = zoom === "fit" ? { x: 0.5, y: 0.5 } : clamped(zoom.centre, scale, frame);
  return {
    scale,
    left: frame.cell.width / 2 - centre.x * frame.image.width * scale,
    top: frame.cell.height / 2 - centre.y * frame.image.height * scale,
  };
}

/**
 * From fit to 100 %, one px of the image on one px of the screen, and back. An image that is shown at 100 % or more already
 * is shown at twice its size instead: zooming never shows less.
 */
export function toggleZoom(zoom: Zoom, frame: Frame, pixelRatio: number, centre: Point = { x: 0.5, y: 0.5 }): Zoom {
  if (zoom !== "fit") return "fit";
  const fit = fitScale(frame);
  const whole = 1 / pixelRatio;
  const scale = whole > fit ? whole : Math.min(fit * 2, SCALE_MAX);
  return { scale, centre: clamped(centre, scale, frame) };
}

/** Zooms by a factor around a point of the cell, which stays where it is. Smaller than fit is fit. */
export function zoomAt(zoom: Zoom, frame: Frame, factor: number, point: Point): Zoom {
  const before = place(zoom, frame);
  const scale = Math.min(before.scale * factor, Math.max(SCALE_MAX, before.scale));
  if (scale <= fitScale(frame)) return "fit";
  const under = placeUnder(point, before, frame.image);
  const centre = {
    x: under.x + (frame.cell.width / 2 - point.x) / (frame.image.width * scale),
    y: under.y + (frame.cell.height / 2 - point.y) / (frame.image.height * scale),
  };
  return { scale, centre: clamped(centre, scale, frame) };
}

/** Moves what is shown by so many px; at fit there is nothing to move. */
export function panBy(zoom: Zoom, frame: Frame, by: Point): Zoom {
  if (zoom === "fit") return zoom;
  const { scale, centre } = zoom;
  const moved = { x: centre.x - by.x / (frame.image.width * scale), y: centre.y - by.y / (frame.image.height * scale) };
  return { scale, centre: clamped(moved, scale, frame) };
}

/** The place of the image under a point of the cell. */
export function placeUnder(point: Point, { left, top, scale }: Placement, image: Size): Point {
  return { x: (point.x - left) / (image.width * scale), y: (point.y - top) / (image.height * scale) };
}

/** Keeps the image's edges out of the middle of the cell: where it is larger than the cell, it covers it. */
function clamped({ x, y }: Point, scale: number, { cell, image }: Frame): Point {
  return { x: clampedAlong(x, cell.width / (2 * image.width * scale)), y: clampedAlong(y, cell.height / (2 * image.height * scale)) };
}

function clampedAlong(share: number, halfCell: number): number {
  return halfCell >= 0.5 ? 0.5 : Math.min(1 - halfCell, Math.max(halfCell, share));
}

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
export function chooseColumns({ count, area, image, gapPx, captionPx }: Grid): number {
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
