import { skip, take, type Walk } from "../verify/walk.ts";
import type { StripSink } from "./strip-sink.ts";

const METADATA = new Set(["EXIF", "XMP "]);
/** Of VP8X's first byte: EXIF and XMP follow. Source: RFC 9649 §2.7.1. */
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
