import { crc32, inflateSync } from "node:zlib";
import { RejectError } from "../../errors.ts";
import { animated, corrupt, type Image } from "./image.ts";
import { skip, take, type Walk, type StripSink } from "./walk.ts";
import { MIB } from "../../lib/units.ts";

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
/** Longest chunk, bytes. Source: PNG (Third Edition) §5.3. */
const MAX_CHUNK_BYTES = 2 ** 31 - 1;
/** Longest embedded prompt read, bytes. A large workflow has some 100 KB. */
const MAX_PROMPT_BYTES = 8 * MIB;
/** Chunks in which the prompt may be: tEXt by ComfyUI itself, the others by nodes that write more than Latin-1, or compress. */
const TEXT_CHUNKS = new Set(["tEXt", "zTXt", "iTXt"]);
/** Says how many frames follow, and how often they are played. Source: PNG (Third Edition) §11.3.6.1. */
const ANIMATION = "acTL";
const ANIMATION_BYTES = 8;
const PROMPT_KEYWORD = Buffer.from("prompt\0");
/** Allowed bit depths by colour type. Source: PNG (Third Edition) §11.2.1. */
const BIT_DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

interface Chunk {
  readonly type: string;
  /** Null if only the checksum was of interest. */
  readonly data: Buffer | null;
}

/** Walks a PNG chunk by chunk: every byte of it is under a checksum or has one right value. */
export function* walkPng(): Walk<Image> {
  if (!(yield* take(8)).equals(SIGNATURE)) throw corrupt("no PNG signature");
  const header = yield* readChunk();
  if (header.type !== "IHDR" || header.data === null) throw corrupt("it does not begin with IHDR");
  const size = sizeOf(header.data);
  let embeddedPrompt: string | null = null;
  let hasPixels = false;
  let frames = 0;
  for (;;) {
    const { type, data } = yield* readChunk();
    if (type === "IHDR") throw corrupt("a second IHDR");
    if (type === "IDAT") hasPixels = true;
    if (type === ANIMATION && data !== null) frames = data.readUInt32BE(0);
    if (TEXT_CHUNKS.has(type) && data !== null) embeddedPrompt ??= textOf(type, data);
    if (type === "IEND") break;
  }
  if (!hasPixels) throw corrupt("it has no IDAT");
  if (frames > 1) throw animated(frames);
  return { ...size, embeddedPrompt };
}

function* readChunk(): Walk<Chunk> {
  const head = yield* take(8);
  const length = head.readUInt32BE(0);
  const type = head.toString("latin1", 4);
  if (length > MAX_CHUNK_BYTES || !/^[A-Za-z]{4}$/.test(type)) throw corrupt("a chunk with an impossible header");
  if ((type === "IHDR" && length !== 13) || (type === "IEND" && length !== 0)) throw corrupt(`${type} has ${length} bytes`);
  let crc = crc32(head.subarray(4));
  let data: Buffer | null = null;
  let left = length;
  if (type === "IHDR" || (type === ANIMATION && length === ANIMATION_BYTES)) {
    data = yield* take(length);
    crc = crc32(data, crc);
    left = 0;
  } else if (TEXT_CHUNKS.has(type) && length > PROMPT_KEYWORD.length) {
    const keyword = yield* take(PROMPT_KEYWORD.length);
    crc = crc32(keyword, crc);
    left -= keyword.length;
    if (keyword.equals(PROMPT_KEYWORD)) {
      if (left > MAX_PROMPT_BYTES) throw tooLong();
      data = yield* take(left);
      crc = crc32(data, crc);
      left = 0;
    }
  }
  yield* skip(left, (piece) => (crc = crc32(piece, crc)));
  if ((yield* take(4)).readUInt32BE(0) !== crc) throw corrupt(`wrong checksum of ${type}`);
  return { type, data };
}

function sizeOf(header: Buffer): Pick<Image, "widthPx" | "heightPx"> {
  const [widthPx, heightPx] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [bitDepth = 0, colourType = 0, compression, filter, interlace = 0] = header.subarray(8);
  const isKnown = BIT_DEPTHS[colourType]?.includes(bitDepth) === true && compression === 0 && filter === 0 && interlace <= 1;
  if (!isKnown) throw corrupt("IHDR names a way of coding that does not exist");
  if (widthPx === 0 || heightPx === 0 || widthPx > MAX_CHUNK_BYTES || heightPx > MAX_CHUNK_BYTES) throw corrupt("it has no pixels");
  return { widthPx, heightPx };
}

/** The text of a chunk whose keyword was taken off already. Source: PNG (Third Edition) §11.3.3. */
function textOf(type: string, data: Buffer): string {
  if (type === "tEXt") return data.toString("latin1");
  if (type === "zTXt") return inflate(data.subarray(1)).toString("latin1");
  const language = data.indexOf(0, 2);
  const translated = language === -1 ? -1 : data.indexOf(0, language + 1);
  if (translated === -1) throw corrupt("iTXt without its parts");
  const text = data.subarray(translated + 1);
  return (data[0] === 1 ? inflate(text) : text).toString("utf8");
}

function inflate(compressed: Buffer): Buffer {
  try {
    return inflateSync(compressed, { maxOutputLength: MAX_PROMPT_BYTES });
  } catch (error) {
    if (error instanceof RangeError) throw tooLong();
    throw corrupt("its compressed prompt cannot be unpacked");
  }
}

function tooLong(): RejectError {
  return new RejectError("too-large", `The image's embedded prompt is over ${MAX_PROMPT_BYTES} bytes`);
}

/** Texts, EXIF, and `comf`, in which ComfyUI's SaveAnimatedPNG leaves the prompt. Source: PNG (Third Edition) §11.3.3; nodes_images.py. */
const METADATA = new Set(["tEXt", "zTXt", "iTXt", "eXIf", "comf"]);

/** Walks a PNG that `walkPng` found good, and leaves out the chunks that say how it was made. All others keep their checksums. */
export function* stripPng(out: StripSink): Walk<void> {
  out.keep(yield* take(8));
  for (;;) {
    const head = yield* take(8);
    const type = head.toString("latin1", 4);
    const rest = head.readUInt32BE(0) + 4; // The data and its checksum.
    if (METADATA.has(type)) {
      out.drop(head.length);
      yield* skip(rest, (piece) => out.drop(piece.length));
      continue;
    }
    // ComfyUI and Pillow write texts before the pixels.
    if (type === "IDAT") out.headEnds();
    out.keep(head);
    yield* skip(rest, (piece) => out.keep(piece));
    if (type === "IEND") return;
  }
}
