import { SNIFF_BYTES, sniffFormat, type ImageFormat } from "../../verify/format.ts";
import { walker } from "../../verify/walk.ts";

/**
 * A verified picture without texts, EXIF and XMP: they tell workflows, and who judges again would see how it was made. What stays is moved
 * together in the memory of `bytes`, which are not to be used after: a copy of each picture is a third of an export's garbage.
 */
export function withoutMetadata(bytes: Uint8Array): { readonly bytes: Buffer; readonly format: ImageFormat } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const format = sniffFormat(whole.subarray(0, SNIFF_BYTES));
  const kept: Buffer[] = [];
  const nothing = (): void => undefined;
  walker(format.strip({ keep: (piece) => void kept.push(piece), drop: nothing, headEnds: nothing })).feed(whole);
  let end = 0;
  // Each piece stands at or behind where it goes, so that none is written over before its turn.
  for (const piece of kept) {
    const at = piece.byteOffset - whole.byteOffset;
    if (at !== end) piece.copy(whole, end);
    end += piece.length;
  }
  return { bytes: whole.subarray(0, end), format };
}
