import { animated, corrupt, type Image } from "./image.ts";
import { skip, take, type Walk, type StripSink } from "./walk.ts";

/** Bytes at the beginning of a chunk that tell the image's size. Source: RFC 9649 §2.5 to §2.7, RFC 6386 §9.1. */
const SIZE_BYTES: Readonly<Record<string, number>> = { "VP8 ": 10, VP8L: 5, VP8X: 10 };
/** A frame of an animation. Source: RFC 9649 §2.7.1.1. */
const FRAME = "ANMF";
/** Chunks that hold pixels: of a still image, and of an animation. */
const PIXELS = new Set(["VP8 ", "VP8L", FRAME]);

type Size = Pick<Image, "widthPx" | "heightPx">;

/** Walks a WebP chunk by chunk to the length that its header names. It carries no checksums. */
export function* walkWebp(): Walk<Image> {
  const header = yield* take(12);
  if (header.toString("latin1", 0, 4) !== "RIFF" || header.toString("latin1", 8) !== "WEBP") throw corrupt("no WebP header");
  let left = header.readUInt32LE(4) - 4;
  let size: Size | undefined;
  let hasPixels = false;
  let frames = 0;
  while (left > 0) {
    if (left < 8) throw corrupt("its length cuts a chunk");
    const head = yield* take(8);
    const type = head.toString("latin1", 0, 4);
    const length = head.readUInt32LE(4);
    const padded = length + (length % 2);
    left -= 8 + padded;
    if (left < 0) throw corrupt("a chunk is longer than the whole");
    const sizeBytes = size === undefined ? SIZE_BYTES[type] : 0;
    if (sizeBytes === undefined || sizeBytes > length) throw corrupt("it does not begin with an image");
    if (sizeBytes > 0) size = sizeOf(type, yield* take(sizeBytes));
    yield* skip(padded - sizeBytes);
    if (PIXELS.has(type)) hasPixels = true;
    if (type === FRAME) frames++;
  }
  if (size === undefined || !hasPixels) throw corrupt("it ends without an image");
  if (frames > 1) throw animated(frames);
  return { ...size, embeddedPrompt: null };
}

function sizeOf(type: string, data: Buffer): Size {
  if (type === "VP8X") return { widthPx: data.readUIntLE(4, 3) + 1, heightPx: data.readUIntLE(7, 3) + 1 };
  if (type === "VP8L") {
    if (data[0] !== 0x2f) throw corrupt("no VP8L signature");
    const bits = data.readUInt32LE(1);
    return { widthPx: (bits & 0x3fff) + 1, heightPx: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (data.readUIntBE(3, 3) !== 0x9d012a) throw corrupt("no VP8 start code");
  const [widthPx, heightPx] = [data.readUInt16LE(6) & 0x3fff, data.readUInt16LE(8) & 0x3fff];
  if (widthPx === 0 || heightPx === 0) throw corrupt("it has no pixels");
  return { widthPx, heightPx };
}

const METADATA = new Set(["EXIF", "XMP "]);
/** Bits of VP8X's first byte: EXIF and XMP follow. Source: RFC 9649 §2.7.1. */
const HAS_METADATA = 0x0c;

/**
 * A WebP without EXIF and XMP. They stand at its end while its beginning says its length and that they come: where they are announced,
 * the whole image is held.
 */
export function* stripWebp(out: StripSink): Walk<void> {
  const header = Buffer.from(yield* take(12)); // A copy, since it is changed.
  const sizeBytes = header.readUInt32LE(4);
  out.keep(header);
  let dropped = 0;
  for (let left = sizeBytes - 4, isFirst = true; left > 0; isFirst = false) {
    const head = yield* take(8);
    const type = head.toString("latin1", 0, 4);
    const length = head.readUInt32LE(4);
    const padded = length + (length % 2);
    left -= 8 + padded;
    if (METADATA.has(type)) {
      out.drop(8 + padded);
      yield* skip(padded);
      dropped += 8 + padded;
      continue;
    }
    let rest = padded;
    if (isFirst && type === "VP8X") {
      const flags = Buffer.from(yield* take(1));
      if ((flags.readUInt8(0) & HAS_METADATA) === 0) out.headEnds();
      flags.writeUInt8(flags.readUInt8(0) & ~HAS_METADATA, 0);
      out.keep(head);
      out.keep(flags);
      rest -= 1;
    } else {
      if (isFirst) out.headEnds();
      out.keep(head);
    }
    yield* skip(rest, (piece) => out.keep(piece));
  }
  if (dropped > 0) header.writeUInt32LE(sizeBytes - dropped, 4);
}
