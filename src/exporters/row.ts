/** One image of a row. Formats choose what of it they write. */
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
  /** JSON object with sorted keys, judge → score. */
  readonly scores: string;
}

/** An image that the prompt comes with. */
export interface ReferenceCell {
  /** Its name in the workflow's bindings. */
  readonly name: string;
  readonly uri: string;
  readonly sha256: string;
}

/** One training row, `row_schema` 1. Scores, margin and agreement are rounded and finite. */
export interface Row {
  readonly id: string;
  readonly prompt: string;
  readonly chosen: ImageCell;
  /** Best first. Never empty. */
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
