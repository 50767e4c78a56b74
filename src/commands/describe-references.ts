import type { ReferenceFile } from "../prompts/reference-files.ts";

export interface ReferenceTotals {
  /** Different images: equal content counts once. */
  readonly files: number;
  readonly bytes: number;
}

/** Counts the reference images by content, and adds up their bytes. */
export function sumReferences(files: Iterable<ReferenceFile>): ReferenceTotals {
  const byContent = new Map([...files].map(({ sha256, bytes }) => [sha256, bytes]));
  return { files: byContent.size, bytes: byContent.values().reduce((sum, bytes) => sum + bytes, 0) };
}

/** Describes the number and size of the reference images. */
export function describeReferences({ files, bytes }: ReferenceTotals): string {
  return `${files} image${files === 1 ? "" : "s"}, ${(bytes / 1e6).toFixed(1)} MB, sent once to each server`;
}
