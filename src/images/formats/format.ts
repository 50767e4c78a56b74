import { RejectError } from "../../errors.ts";
import { walkJpeg, stripJpeg } from "./jpeg.ts";
import type { Image } from "./image.ts";
import { walkPng, stripPng } from "./png.ts";
import type { Walk, StripSink } from "./walk.ts";
import { walkWebp, stripWebp } from "./webp.ts";

export interface ImageFormat {
  readonly name: "png" | "jpeg" | "webp";
  /** File extension without the dot. */
  readonly extension: "png" | "jpg" | "webp";
  readonly contentType: string;
  /** True if ComfyUI embeds the prompt that made the image. */
  readonly carriesPrompt: boolean;
  /** True if its first bytes say how long it is: to be known before they leave. */
  readonly beginsWithLength: boolean;
  readonly walk: () => Walk<Image>;
  /** Walks an image that `walk` found good, and leaves its metadata out. */
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

/** Extensions of every format that is stored, without the dot. */
export const EXTENSIONS: readonly string[] = FORMATS.map(([{ extension }]) => extension);

/** Images and films that a ComfyUI node may save and no verifier reads. */
const UNSUPPORTED: readonly (readonly [name: string, ...Mark])[] = [
  ["GIF", "GIF8", 0],
  ["BMP", "BM", 0],
  ["TIFF", "II*\0", 0],
  ["TIFF", "MM\0*", 0],
  ["TIFF", "II+\0", 0], // BigTIFF, for files over 4 GB.
  ["TIFF", "MM\0+", 0],
  ["JPEG XR", "II\xbc", 0],
  ["AVIF", "ftypavi", 4],
  ["HEIC", "ftyphei", 4],
  ["HEIC", "ftypmif1", 4],
  ["MP4", "ftyp", 4],
  ["WebM", "\x1aE\xdf\xa3", 0],
  ["EXR", "v/1\x01", 0],
  ["QOI", "qoif", 0],
  ["JPEG XL", "\xff\x0a", 0],
  ["JPEG XL", "JXL ", 4],
  ["JPEG 2000", "jP  ", 4],
  ["JPEG 2000", "\xff\x4f\xff\x51", 0],
  ["PSD", "8BPS", 0],
  ["Radiance HDR", "#?RADIANCE", 0],
  ["Radiance HDR", "#?RGBE", 0],
  ["DDS", "DDS ", 0],
  ["ICO", "\0\0\x01\0", 0],
  ["SVG", "<svg", 0],
  ["PPM", "P6\n", 0],
  ["PGM", "P5\n", 0],
  ["PFM", "PF\n", 0],
  ["AVI", "AVI ", 8],
  ["WAV", "WAVE", 8],
  ["FLAC", "fLaC", 0],
  ["Ogg", "OggS", 0],
  ["MP3", "ID3", 0],
  ["glTF", "glTF", 0],
  ["NumPy", "\x93NUMPY", 0],
];

/** Format of a file by its extension. */
const NAMED: Readonly<Record<string, ImageFormat["name"]>> = {
  png: "png",
  apng: "png",
  jpg: "jpeg",
  jpeg: "jpeg",
  jpe: "jpeg",
  jfif: "jpeg",
  webp: "webp",
};

const ALTERED_HINT =
  "an image proxy (Cloudflare Polish, a CDN) may stand between: switch it off for this host, or set servers[].url to the server's own address";

/** The format that a file's name says, null if it says none that is stored. */
export function formatNamedBy(filename: string): ImageFormat["name"] | null {
  const extension = /\.([^.]+)$/.exec(filename)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(NAMED, extension) ? (NAMED[extension] ?? null) : null;
}

/**
 * Tells a format from its first SNIFF_BYTES bytes; no header counts. `named` is what the file's name says, null if that does not matter.
 * @throws {RejectError} "unsupported-format", "altered" or "not-an-image".
 */
export function sniffFormat(head: Buffer, named: ImageFormat["name"] | null = null): ImageFormat {
  const text = head.toString("latin1");
  const found = findFormat(head);
  const other = found === null ? UNSUPPORTED.find(([, ...mark]) => hasMark(text, mark))?.[0] : undefined;
  const holds = found?.name ?? other;
  if (holds !== undefined && named !== null && holds !== named) throw altered(`it is named as ${named.toUpperCase()} and holds ${holds}`);
  if (found !== null) return found;
  if (other !== undefined) throw new RejectError("unsupported-format", `The file is ${other}: a dataset holds PNG, JPEG and WebP`);
  // JSON.stringify, since the bytes may be meant for a terminal.
  throw new RejectError("not-an-image", `The answer is no image: it begins with ${JSON.stringify(text.replaceAll(/[^ -~]/g, "."))}`);
}

/** Finds the format of an image by its first SNIFF_BYTES bytes. Returns null if it is none of the stored formats. */
export function findFormat(head: Buffer): ImageFormat | null {
  const text = head.toString("latin1");
  return FORMATS.find(([, ...marks]) => marks.every((mark) => hasMark(text, mark)))?.[0] ?? null;
}

function hasMark(text: string, [bytes, at]: Mark): boolean {
  return text.startsWith(bytes, at);
}

/** Makes the error of an image that is not as its server made it. `what` completes "The image was changed on its way: …". */
export function altered(what: string): RejectError {
  return new RejectError("altered", `The image was changed on its way: ${what}`, { hint: ALTERED_HINT });
}
