import { createHash } from "node:crypto";
import { paintScene, type Region } from "./scene.ts";

/** Describes an image: small, JSON, and enough to paint it whenever somebody asks. Sizes are in pixels. */
export type Image =
  | { readonly op: "solid"; readonly width: number; readonly height: number; /** 0xRRGGBB */ readonly color: number }
  /** Made by a sampler; `palette` and `key` are hex digests. */
  | { readonly op: "scene"; readonly width: number; readonly height: number; readonly palette: string; readonly key: string }
  | { readonly op: "noise"; readonly of: Image; readonly key: string; /** 0…1 */ readonly strength: number }
  | { readonly op: "invert"; readonly of: Image }
  | { readonly op: "crop"; readonly of: Image; readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  | { readonly op: "scale"; readonly of: Image; readonly width: number; readonly height: number };

/** Pixels of an image: RGB, 8 bit, row by row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

export function sizeOf(image: Image): { readonly width: number; readonly height: number } {
  return image.op === "noise" || image.op === "invert" ? sizeOf(image.of) : image;
}

/** 16 hex digits that differ for different parts. */
export function digest(...parts: readonly (string | number | bigint)[]): string {
  return createHash("sha256").update(parts.map(String).join("\u0000"), "utf8").digest("hex").slice(0, 16);
}

/** Paints an image: equal images give equal pixels. */
export function paint(image: Image): Raster {
  return paintRegion(image, { x: 0, y: 0, ...sizeOf(image) });
}

/** Paints only `region`, so that a small crop of a big image costs little. */
function paintRegion(image: Image, region: Region): Raster {
  if (image.op === "crop") {
    return paintRegion(image.of, { ...region, x: region.x + image.x, y: region.y + image.y });
  }
  if (image.op === "scale") return paintScaled(image, region);
  if (image.op === "invert") {
    const raster = paintRegion(image.of, region);
    for (let index = 0; index < raster.rgb.length; index++) raster.rgb[index] = 255 - (raster.rgb[index] ?? 0);
    return raster;
  }
  if (image.op === "noise") {
    const raster = paintRegion(image.of, region);
    addNoise(raster, { ...image, region, full: sizeOf(image) });
    return raster;
  }
  const raster: Raster = { width: region.width, height: region.height, rgb: new Uint8Array(region.width * region.height * 3) };
  if (image.op === "scene") paintScene(raster.rgb, { ...image, region });
  else fill(raster.rgb, image.color);
  return raster;
}

function fill(rgb: Uint8Array, color: number): void {
  const [red, green, blue] = [(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff];
  for (let index = 0; index < rgb.length; index += 3) {
    rgb[index] = red;
    rgb[index + 1] = green;
    rgb[index + 2] = blue;
  }
}

/** Nearest pixel. */
function paintScaled(image: Extract<Image, { op: "scale" }>, region: Region): Raster {
  const source = paint(image.of);
  const rgb = new Uint8Array(region.width * region.height * 3);
  let at = 0;
  for (let y = region.y; y < region.y + region.height; y++) {
    const sourceRow = Math.floor(((y + 0.5) * source.height) / image.height) * source.width;
    for (let x = region.x; x < region.x + region.width; x++) {
      const from = (sourceRow + Math.floor(((x + 0.5) * source.width) / image.width)) * 3;
      rgb[at++] = source.rgb[from] ?? 0;
      rgb[at++] = source.rgb[from + 1] ?? 0;
      rgb[at++] = source.rgb[from + 2] ?? 0;
    }
  }
  return { width: region.width, height: region.height, rgb };
}

/** Patches across the longer side: what perceptual hashes see of the noise. */
const PATCHES = 8;

interface Noise {
  readonly key: string;
  readonly strength: number;
  readonly region: Region;
  readonly full: { readonly width: number; readonly height: number };
}

/** Patches and grain; how much of each depends on the key, so that images of different seeds differ in sharpness, too. */
function addNoise(raster: Raster, { key, strength, region, full }: Noise): void {
  const seed = Number.parseInt(key.slice(0, 8), 16) | 0;
  const grain = strength * (40 + (Number.parseInt(key.slice(8, 10), 16) % 160));
  const patch = strength * 160;
  const side = Math.max(1, Math.ceil(Math.max(full.width, full.height) / PATCHES));
  let at = 0;
  for (let y = region.y; y < region.y + region.height; y++) {
    const rowSeed = mix(seed ^ Math.imul(y + 1, 0x9e3779b1));
    const patchRow = mix(seed ^ Math.imul(Math.floor(y / side) + 1, 0x2545f491));
    for (let x = region.x; x < region.x + region.width; x++) {
      const fine = mix(rowSeed ^ Math.imul(x + 1, 0x85ebca6b));
      const coarse = mix(patchRow ^ Math.imul(Math.floor(x / side) + 1, 0x27d4eb2f));
      for (let channel = 0; channel < 3; channel++) {
        const shift = channel * 8;
        const value =
          (raster.rgb[at] ?? 0) + ((((fine >>> shift) & 0xff) - 127.5) * grain + (((coarse >>> shift) & 0xff) - 127.5) * patch) / 255;
        raster.rgb[at++] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  }
}

/** A hash of 32 bits (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

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
