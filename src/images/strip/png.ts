import { skip, take, type Walk } from "../verify/walk.ts";
import type { StripSink } from "./strip-sink.ts";

/** Texts, EXIF, and `comf`, in which ComfyUI's SaveAnimatedPNG leaves the prompt. Source: PNG (Third Edition) §11.3.3; nodes_images.py. */
const METADATA = new Set(["tEXt", "zTXt", "iTXt", "eXIf", "comf"]);

/** A PNG without the chunks that say how it came about. Chunks stand for themselves, so that all others keep their checksums. */
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
