// Geometry of the images of a task: columns, positions and zoom. One view applies to all images of a task, so that people compare the same
// place in each. Sizes and offsets are CSS px. A place in an image is a share of its width and height, 0 to 1.

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** `fit`, or a scale (CSS px for each px of the image) with the place of the image that is in the middle of the cell. */
export type Zoom = "fit" | { readonly scale: number; readonly centre: Point };

/** An image and the cell in which it is drawn. */
export interface Frame {
  readonly cell: Size;
  readonly image: Size;
}

/** Position of the image's top left corner in the cell, and its scale. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** Largest scale, CSS px for each px of the image. Beyond it there is nothing more to see. */
const SCALE_MAX = 8;

/** Returns the scale at which the whole image just fits. */
export function fitScale({ cell, image }: Frame): number {
  return Math.min(cell.width / image.width, cell.height / image.height);
}

/** Returns where an image is drawn. */
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
 * Switches between fit and 100 %: one px of the image on one px of the screen. An image that is already shown at 100 % or more is shown at
 * twice its size instead, so that zooming never shows less.
 */
export function toggleZoom(zoom: Zoom, frame: Frame, pixelRatio: number, centre: Point = { x: 0.5, y: 0.5 }): Zoom {
  if (zoom !== "fit") return "fit";
  const fit = fitScale(frame);
  const whole = 1 / pixelRatio;
  const scale = whole > fit ? whole : Math.min(fit * 2, SCALE_MAX);
  return { scale, centre: clamped(centre, scale, frame) };
}

/** Zooms by a factor around a point of the cell, which stays in place. A scale below fit becomes fit. */
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

/** Moves the images by so many px. At fit there is nothing to move. */
export function panBy(zoom: Zoom, frame: Frame, by: Point): Zoom {
  if (zoom === "fit") return zoom;
  const { scale, centre } = zoom;
  const moved = { x: centre.x - by.x / (frame.image.width * scale), y: centre.y - by.y / (frame.image.height * scale) };
  return { scale, centre: clamped(moved, scale, frame) };
}

/** Returns the place of the image under a point of the cell. */
export function placeUnder(point: Point, { left, top, scale }: Placement, image: Size): Point {
  return { x: (point.x - left) / (image.width * scale), y: (point.y - top) / (image.height * scale) };
}

/** Clamps the place in the middle of the cell so that an image larger than the cell covers it. */
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
  /** Gap between two cells. */
  readonly gapPx: number;
  /** Height of the caption below each image. */
  readonly captionPx: number;
}

/**
 * Chooses the number of columns in which images of one size are largest. Of equal ones it chooses more columns, because images side by side
 * are easiest to compare.
 */
export function chooseColumns({ count, area, image, gapPx, captionPx }: Grid): number {
  let best = { columns: count, scale: 0 };
  for (let rows = 1; rows <= count; rows++) {
    // The fewest columns for these rows: four images become two by two, not three and one.
    const columns = Math.ceil(count / rows);
    const scale = Math.min(
      (area.width - gapPx * (columns - 1)) / columns / image.width,
      ((area.height - gapPx * (rows - 1)) / rows - captionPx) / image.height,
    );
    if (scale > best.scale) best = { columns, scale };
  }
  return best.columns;
}
