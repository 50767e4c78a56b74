/** One image of a row; formats choose what of it they write. */
export interface ImageCell {
  readonly uri: string;
  /** Unsigned 64 bit, decimal; "-1" where it is unknown. */
  readonly seed: string;
  readonly batchIndex: number;
  readonly imageId: string;
  readonly sha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly variant: string;
  readonly model: string;
  /** JSON object with sorted keys. */
  readonly params: string;
  readonly score: number | null;
  /** JSON object with sorted keys: judge → score. */
  readonly scores: string;
}

/** An image that the prompt comes with. */
export interface ReferenceCell {
  /** Its bound name. */
  readonly name: string;
  readonly uri: string;
  readonly sha256: string;
}

/** One training row, `row_schema` 1. Scores, margin and agreement are rounded and finite. */
export interface Row {
  readonly id: string;
  readonly prompt: string;
  readonly chosen: ImageCell;
  /** Never empty, best first. */
  readonly rejected: readonly ImageCell[];
  readonly promptKey: string;
  readonly negativePrompt: string;
  readonly criterion: string;
  readonly source: string;
  readonly margin: number | null;
  readonly agreement: number | null;
  readonly nVotes: number;
  readonly nCandidates: number;
  readonly references: readonly ReferenceCell[];
  /** JSON object with sorted keys. */
  readonly meta: string;
}

/** Columns that are left out of a whole export if no row fills them. */
export const OPTIONAL_COLUMNS = ["chosen.score", "rejected.score", "margin", "agreement", "references"] as const;

export type OptionalColumn = (typeof OPTIONAL_COLUMNS)[number];

/** What is the same for every row of an export. */
export interface RowLayout {
  readonly fields: "full" | "minimal";
  readonly seedFormat: "number" | "string";
  readonly omitted: readonly OptionalColumn[];
  /** True where some seed may be -1, which no unsigned type holds. */
  readonly unknownSeeds?: boolean;
}

export interface EncodeOptions {
  readonly layout: RowLayout;
  readonly gzip: boolean;
}

/** A format of a dataset's files. Equal rows and options give equal bytes. */
export interface Exporter {
  readonly format: string;
  /** Without the leading dot. */
  extension(options: Pick<EncodeOptions, "gzip">): string;
  /** The bytes of one file, in chunks. Reads rows no faster than the bytes are taken; throws what `rows` throws. */
  encode(rows: AsyncIterable<Row>, options: EncodeOptions): AsyncIterable<Uint8Array>;
  /** Where each row is a line that says nothing of the others, so that lines can be made in any order and sorted afterwards. */
  readonly lines?: LineFormat;
}

/** What `encode` does, in two steps. */
export interface LineFormat {
  /** Makes a row's line, without the line feed. */
  lineOf(layout: RowLayout): (row: Row) => string;
  /** The bytes of one file, of whole lines in their order. A chunk's memory may be used again once the next is asked for, on either side. */
  join(lines: Iterable<Uint8Array>, options: Pick<EncodeOptions, "gzip">): AsyncIterable<Uint8Array>;
}
