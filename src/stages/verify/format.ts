import { RejectError } from "../../errors.ts";
import { stripJpeg } from "../strip/jpeg.ts";
import { stripPng } from "../strip/png.ts";
import type { StripSink } from "../strip/strip-sink.ts";
import { stripWebp } from "../strip/webp.ts";
import { walkJpeg } from "./jpeg.ts";
import type { Picture } from "./picture.ts";
import { walkPng } from "./png.ts";
import type { Walk } from "./walk.ts";
import { walkWebp } from "./webp.ts";

export interface ImageFormat {
  readonly name: "png" | "jpeg" | "webp";
  /** Without the dot. */
  readonly extension: string;
  readonly contentType: string;
  /** True where ComfyUI embeds the prompt that made the picture. */
  readonly carriesPrompt: boolean;
  /** True where its first bytes say how long it is: to be known before they leave. */
  readonly beginsWithLength: boolean;
  readonly walk: () => Walk<Picture>;
  /** Walks a picture that `walk` found good, and leaves its metadata out. */
  readonly strip: (out: StripSink) => Walk<void>;
}

/** Bytes that tell a format. */
export const SNIFF_BYTES = 12;

const PNG: ImageFormat = {
  name: "png",
  extension: "png",
  contentType: "image/png",
  carriesPrompt: true,
  beginsWithLength: false,
  walk: walkPng,
  strip: stripPng,
};
const JPEG: ImageFormat = {
  name: "jpeg",
  extension: "jpg",
  contentType: "image/jpeg",
  carriesPrompt: false,
  beginsWithLength: false,
  walk: walkJpeg,
  strip: stripJpeg,
};
const WEBP: ImageFormat = {
  name: "webp",
  extension: "webp",
  contentType: "image/webp",
  carriesPrompt: false,
  beginsWithLength: true,
  walk: walkWebp,
  strip: stripWebp,
};

/** A format begins with all of its marks: bytes as Latin-1, and where they stand. */
type Mark = readonly [bytes: string, at: number];

const FORMATS: readonly (readonly [ImageFormat, ...Mark[]])[] = [
  [PNG, ["\x89PNG\r\n\x1a\n", 0]],
  [JPEG, ["\xff\xd8\xff", 0]],
  [WEBP, ["RIFF", 0], ["WEBP", 8]],
];

/** Of every format that is stored, without the dot. */
export const EXTENSIONS: readonly string[] = FORMATS.map(([{ extension }]) => extension);

/** Pictures and films that a ComfyUI node may save and no verifier reads: GIF, BMP, TIFF, AVIF and MP4, WebM, EXR, QOI, JPEG XL. */
const UNSUPPORTED: readonly Mark[] = [
  ["GIF8", 0],
  ["BM", 0],
  ["II*\0", 0],
  ["MM\0*", 0],
  ["ftyp", 4],
  ["\x1aE\xdf\xa3", 0],
  ["v/1\x01", 0],
  ["qoif", 0],
  ["\xff\x0a", 0],
  ["JXL ", 4],
];

/**
 * Tells a format from its first SNIFF_BYTES bytes; no name and no header counts.
 * @throws {RejectError} "unsupported-format" or "not-an-image".
 */
export function sniffFormat(head: Buffer): ImageFormat {
  const text = head.toString("latin1");
  const bears = ([bytes, at]: Mark): boolean => text.startsWith(bytes, at);
  const found = FORMATS.find(([, ...marks]) => marks.every(bears));
  if (found !== undefined) return found[0];
  if (UNSUPPORTED.some(bears)) throw new RejectError("unsupported-format", "The file is neither PNG, JPEG nor WebP");
  // JSON.stringify, since the bytes may be meant for a terminal.
  throw new RejectError("not-an-image", `The answer is no picture: it begins with ${JSON.stringify(text.replaceAll(/[^ -~]/g, "."))}`);
}
