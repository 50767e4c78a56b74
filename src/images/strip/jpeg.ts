import { isRestart, JPEG_MARKERS } from "../verify/jpeg-markers.ts";
import { skip, take, type Walk } from "../verify/walk.ts";
import type { StripSink } from "./strip-sink.ts";

/** EXIF and XMP, Photoshop's IPTC, and comments. Colour (ICC in APP2, Adobe's APP14) stays: pixels mean nothing without it. */
const METADATA: ReadonlySet<number> = new Set([JPEG_MARKERS.app1, JPEG_MARKERS.app13, JPEG_MARKERS.comment]);

/** A JPEG without the segments that say how it came about. */
export function* stripJpeg(out: StripSink): Walk<void> {
  out.keep(yield* take(2));
  let marker = yield* nextMarker([]);
  while (marker.code !== JPEG_MARKERS.eoi) {
    const length = yield* take(2);
    const rest = length.readUInt16BE(0) - 2;
    if (METADATA.has(marker.code)) {
      for (const piece of [...marker.bytes, length]) out.drop(piece.length);
      yield* skip(rest, (piece) => out.drop(piece.length));
    } else {
      if (marker.code === JPEG_MARKERS.sos) out.headEnds();
      for (const piece of [...marker.bytes, length]) out.keep(piece);
      yield* skip(rest, (piece) => out.keep(piece));
    }
    marker = marker.code === JPEG_MARKERS.sos ? yield* keepScan(out) : yield* nextMarker([]);
  }
  for (const piece of marker.bytes) out.keep(piece);
}

interface Marker {
  readonly code: number;
  /** All of it: any number of 0xFF may stand before the code. */
  readonly bytes: readonly Buffer[];
}

function* nextMarker(begun: readonly Buffer[]): Walk<Marker> {
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
    const marker = yield* nextMarker([piece.subarray(-1)]);
    if (marker.code !== 0 && !isRestart(marker.code)) return marker;
    for (const byte of marker.bytes) out.keep(byte);
  }
}
