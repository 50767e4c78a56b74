import { corrupt, type Image } from "./image.ts";
import { skip, take, type Walk, type StripSink } from "./walk.ts";

/** Marker codes, the byte after 0xFF. Source: ITU-T T.81, table B.1. */
const [SOI, EOI, SOS, APP1, APP13, COMMENT] = [0xd8, 0xd9, 0xda, 0xe1, 0xed, 0xfe] as const;
/** EXIF and XMP, Photoshop's IPTC, and comments. Colour (ICC in APP2, Adobe's APP14) stays: pixels mean nothing without it. */
const METADATA: ReadonlySet<number> = new Set([APP1, APP13, COMMENT]);
/** Markers that stand in coded data and end nothing. */
const isRestart = (code: number): boolean => code >= 0xd0 && code <= 0xd7;
/** SOF0…SOF15 without DHT, JPG and DAC, which share the range. */
const isFrame = (code: number): boolean => code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;

/** Walks a JPEG marker by marker to its end of image. It carries no checksums: cuts and additions are found, changed pixels are not. */
export function* walkJpeg(): Walk<Image> {
  const start = yield* take(2);
  if (start[0] !== 0xff || start[1] !== SOI) throw corrupt("no JPEG start of image");
  let size: Pick<Image, "widthPx" | "heightPx"> | undefined;
  let hasScan = false;
  let code = yield* nextMarker();
  while (code !== EOI) {
    if (code === SOI || code === 0 || isRestart(code)) throw corrupt(`the marker ${code.toString(16)} stands where none may`);
    const length = (yield* take(2)).readUInt16BE(0) - 2;
    if (length < 0) throw corrupt("a segment with an impossible length");
    if (isFrame(code)) size = sizeOf(yield* take(length));
    else yield* skip(length);
    if (code === SOS) hasScan = true;
    code = code === SOS ? yield* skipScan() : yield* nextMarker();
  }
  if (size === undefined || !hasScan) throw corrupt("it ends without an image");
  return { ...size, embeddedPrompt: null };
}

/** The next marker's code; any number of 0xFF may stand before it. */
function* nextMarker(): Walk<number> {
  if ((yield* take(1))[0] !== 0xff) throw corrupt("no marker where one must stand");
  for (;;) {
    const code = (yield* take(1)).readUInt8(0);
    if (code !== 0xff) return code;
  }
}

/** Passes over coded data, in which 0xFF is followed by 0x00 or a restart marker, to the marker that ends it. */
function* skipScan(): Walk<number> {
  for (;;) {
    const piece: Buffer = yield "through-0xff";
    if (piece.at(-1) !== 0xff) continue;
    let code = 0xff;
    while (code === 0xff) code = (yield* take(1)).readUInt8(0);
    if (code !== 0 && !isRestart(code)) return code;
  }
}

function sizeOf(frame: Buffer): Pick<Image, "widthPx" | "heightPx"> {
  if (frame.length < 6) throw corrupt("a frame header that is too short");
  const [heightPx, widthPx] = [frame.readUInt16BE(1), frame.readUInt16BE(3)];
  if (widthPx === 0 || heightPx === 0) throw corrupt("it has no pixels");
  return { widthPx, heightPx };
}

/** Walks a JPEG that `walkJpeg` found good, and leaves out the segments that say how it was made. */
export function* stripJpeg(out: StripSink): Walk<void> {
  out.keep(yield* take(2));
  let marker = yield* readMarker([]);
  while (marker.code !== EOI) {
    const length = yield* take(2);
    const rest = length.readUInt16BE(0) - 2;
    if (METADATA.has(marker.code)) {
      for (const piece of [...marker.bytes, length]) out.drop(piece.length);
      yield* skip(rest, (piece) => out.drop(piece.length));
    } else {
      if (marker.code === SOS) out.headEnds();
      for (const piece of [...marker.bytes, length]) out.keep(piece);
      yield* skip(rest, (piece) => out.keep(piece));
    }
    marker = marker.code === SOS ? yield* keepScan(out) : yield* readMarker([]);
  }
  for (const piece of marker.bytes) out.keep(piece);
}

interface Marker {
  readonly code: number;
  /** All of it: any number of 0xFF may stand before the code. */
  readonly bytes: readonly Buffer[];
}

function* readMarker(begun: readonly Buffer[]): Walk<Marker> {
  const bytes = begun.length > 0 ? [...begun] : [yield* take(1)];
  for (;;) {
    const byte = yield* take(1);
    bytes.push(byte);
    if (byte[0] !== 0xff) return { code: byte.readUInt8(0), bytes };
  }
}

/** Keeps coded data up to the marker that ends it. */
function* keepScan(out: StripSink): Walk<Marker> {
  for (;;) {
    const piece: Buffer = yield "through-0xff";
    if (piece.at(-1) !== 0xff) {
      out.keep(piece);
      continue;
    }
    out.keep(piece.subarray(0, -1));
    const marker = yield* readMarker([piece.subarray(-1)]);
    if (marker.code !== 0 && !isRestart(marker.code)) return marker;
    for (const byte of marker.bytes) out.keep(byte);
  }
}
