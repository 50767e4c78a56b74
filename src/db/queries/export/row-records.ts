/** A training row whose split is not decided yet. */
export interface LinkedRow {
  /** Its place in the table of links. Near rows have near prompts, jobs and images. */
  readonly place: number;
  readonly rowId: string;
  readonly prompt: string;
  readonly source: string;
  readonly chosenScore: number | null;
  /** Score of the best rejected image. */
  readonly rejectedScore: number | null;
  /** Lowest and highest finite score of all rejected images. */
  readonly rejectedLow: number | null;
  readonly rejectedHigh: number | null;
  readonly margin: number | null;
  readonly agreement: number | null;
  readonly hasReferences: 0 | 1;
}

/** Where a row goes. Splits are numbered in the order in which they keep an image that two would show. */
export interface PlannedRow {
  readonly place: number;
  readonly rowId: string;
  readonly split: number;
  /** A bit for each optional column that the row fills. */
  readonly fills: number;
}

export interface RowRecord {
  readonly rowId: string;
  readonly promptKey: string;
  readonly prompt: string;
  readonly sent: string;
  readonly negative: string;
  readonly bound: string;
  readonly sourceId: string | null;
  readonly meta: string;
  readonly criterion: string;
  readonly source: string;
  readonly margin: number | null;
  readonly agreement: number | null;
  readonly nVotes: number;
  readonly nCandidates: number;
}

export interface RowImageRecord {
  readonly rowId: string;
  /** -1 for the chosen image. Others from 0, the best first. */
  readonly rank: number;
  readonly imageId: string;
  readonly score: number | null;
  readonly uri: string | null;
  readonly sha256: string | null;
  readonly seed: string;
  readonly batchIndex: number;
  readonly variant: string;
  /** JSON object of an adopted image. Null where it has the parameters of its variant. */
  readonly params: string | null;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
}

/** An image that a row's prompt comes with. */
export interface RowReferenceRecord {
  readonly rowId: string;
  /** Its name in the workflow's bindings. */
  readonly name: string;
  readonly uri: string;
  readonly sha256: string;
}

export interface ImageScoreRecord {
  readonly imageId: string;
  readonly judge: string;
  readonly version: string;
  readonly score: number | null;
}

export interface ExportedImage {
  /** Id of the image. Several rows may show it. */
  readonly id: string;
  readonly uri: string;
  readonly sha256: string;
  readonly bytes: number;
  /** 1 for an image that a prompt comes with. */
  readonly isReference: 0 | 1;
}
