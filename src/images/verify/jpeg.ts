import { isRestart, JPEG_MARKERS } from "./jpeg-markers.ts";
import { corrupt, type Image } from "./image.ts";
import { skip, take, type Walk } from "./walk.ts";

const { soi: SOI, eoi: EOI, sos: SOS } = JPEG_MARKERS;
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
