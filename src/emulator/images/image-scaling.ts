import { sizeOf, type Image } from "./image.ts";

export interface Scaling {
  /** 0: follows from the other side. */
  readonly width: number;
  readonly height: number;
  /** Cuts the longer sides off first instead of stretching. */
  readonly center: boolean;
}

/** ImageScale, and what ImageBatch does to images of another size. */
export function scaledImages(images: readonly Image[], scaling: Scaling): Image[] {
  return images.map((of) => scaled(of, scaling));
}

function scaled(of: Image, { width, height, center }: Scaling): Image {
  const size = sizeOf(of);
  if (width === 0 && height === 0) return of;
  const target = {
    width: width === 0 ? Math.max(1, Math.round((size.width * height) / size.height)) : width,
    height: height === 0 ? Math.max(1, Math.round((size.height * width) / size.width)) : height,
  };
  if (target.width === size.width && target.height === size.height) return of;
  return { op: "scale", of: center ? centred(of, target.width / target.height) : of, ...target };
}

/** The middle of an image, of the wanted shape (width by height). */
function centred(of: Image, shape: number): Image {
  const { width, height } = sizeOf(of);
  const margin =
    width / height > shape ? { x: Math.round((width - height * shape) / 2), y: 0 } : { x: 0, y: Math.round((height - width / shape) / 2) };
  return { op: "crop", of, ...margin, width: Math.max(1, width - 2 * margin.x), height: Math.max(1, height - 2 * margin.y) };
}
