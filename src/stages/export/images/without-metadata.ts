import { SNIFF_BYTES, sniffFormat, type ImageFormat } from "../../../images/verify/format.ts";
import { walker } from "../../../images/verify/walk.ts";

/** Pieces one behind the other. */
interface Run {
  readonly first: Buffer;
  /** Where it lies in the image; null: a changed copy, which is elsewhere. */
  readonly from: number | null;
  sizeBytes: number;
}

/**
 * A verified image without texts, EXIF and XMP: they tell workflows, and who judges again would see how it was made. What stays is moved
 * together in the memory of `bytes`, which are not to be used after: a copy of each image is a third of an export's garbage.
 */
export function withoutMetadata(bytes: Uint8Array): { readonly bytes: Buffer; readonly format: ImageFormat } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const format = sniffFormat(whole.subarray(0, SNIFF_BYTES));
  const runs: Run[] = [];
  const keep = (piece: Buffer): void => {
    const at = piece.buffer === whole.buffer ? piece.byteOffset - whole.byteOffset : -1;
    const from = at >= 0 && at < whole.length ? at : null;
    const last = runs.at(-1);
    if (last !== undefined && last.from !== null && last.from + last.sizeBytes === from) last.sizeBytes += piece.length;
    else runs.push({ first: piece, from, sizeBytes: piece.length });
  };
  const nothing = (): void => undefined;
  walker(format.strip({ keep, drop: nothing, headEnds: nothing })).feed(whole);
  return { bytes: movedTogether(whole, runs), format };
}

/** Moves runs to where the longest lies: that are mostly the pixels, a megabyte, while texts stand before them. */
function movedTogether(whole: Buffer, runs: readonly Run[]): Buffer {
  const longest = runs.reduce<Run | null>(
    (found, run) => (run.from !== null && run.sizeBytes > (found?.sizeBytes ?? 0) ? run : found),
    null,
  );
  let begin = longest?.from ?? 0;
  let end = begin + (longest?.sizeBytes ?? 0);
  const move = ({ first, from, sizeBytes }: Run, to: number): void => {
    if (from === null) first.copy(whole, to);
    else whole.copyWithin(to, from, from + sizeBytes);
  };
  const place = longest === null ? -1 : runs.indexOf(longest);
  // Nearest first: what a run moves over was left out, or has moved already.
  for (const run of runs.slice(0, Math.max(place, 0)).toReversed()) move(run, (begin -= run.sizeBytes));
  for (const run of runs.slice(place + 1)) {
    move(run, end);
    end += run.sizeBytes;
  }
  return whole.subarray(begin, end);
}
