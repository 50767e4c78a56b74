import type { JudgeImage } from "../judge.ts";
import { MIB } from "../../lib/units.ts";

/** Images of one request: what a GPU takes in a moment, however many seeds a prompt has. */
const BATCH_IMAGES = 64;
/** Bytes of their files: 24 of the largest images that a 1024 px PNG usually makes. A larger image goes alone. */
const BATCH_BYTES = 64 * MIB;

/** Cuts a group into requests: one, but for very large groups. Each image is scored by itself, so the cut changes nothing. */
export function batchesOf<Image extends Pick<JudgeImage, "sizeBytes">>(images: readonly Image[]): readonly (readonly Image[])[] {
  const batches: Image[][] = [];
  let last: Image[] = [];
  let bytes = 0;
  for (const image of images) {
    if (last.length === 0 || last.length >= BATCH_IMAGES || bytes + image.sizeBytes > BATCH_BYTES) {
      last = [];
      bytes = 0;
      batches.push(last);
    }
    last.push(image);
    bytes += image.sizeBytes;
  }
  return batches;
}
