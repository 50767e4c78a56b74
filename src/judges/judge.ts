import type { Inspection } from "../images/inspection.ts";

/** One candidate as a judge sees it. */
export interface JudgeImage {
  readonly imageId: string;
  readonly sha256: string;
  /** Permanent, as in exported rows: file:///… or s3://…, never presigned. */
  readonly uri: string;
  readonly sizeBytes: number;
  /** The stored bytes, read when asked for. */
  bytes(signal: AbortSignal): Promise<Uint8Array>;
  /** What inspection measured from the one decode; judges that need no pixels read only this. */
  readonly inspection: Inspection;
  /** Score of the judge that `Judge.after` names; null where that could not tell, or there is none. */
  readonly earlierScore: number | null;
}

/** A judge's word on one image; null where it could not tell (never 0). */
export interface Score {
  readonly imageId: string;
  readonly score: number | null;
  readonly sigma?: number;
  /** The judge's raw answer, where it has one. */
  readonly raw?: string;
}

/** What a judge used in this run. */
export interface JudgeUsage {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/**
 * Scores candidates of one prompt; scores are comparable only within that prompt. Higher is better.
 * Name, version and template are stored with every score: a new version scores anew, old scores stay.
 */
export interface Judge {
  readonly name: string;
  readonly version: string;
  /** True for measures such as sharpness that say nothing of people's preference. */
  readonly technical: boolean;
  /** True where scores say how the images of one list compare: a group that grew is judged again as a whole, under the same version. */
  readonly relative?: boolean;
  /** The judge that has to score a group before this one sees it. */
  readonly after?: string;
  /**
   * Answers one score per image, same order; null where its bound of requests for a run is reached, and nothing was asked.
   * Throws TransientError or FatalError.
   */
  score(prompt: string, images: readonly JudgeImage[], signal: AbortSignal): Promise<readonly Score[] | null>;
  /** Requests that scoring such a group takes at least; without it the judge asks nobody. */
  requestsFor?(images: readonly Pick<JudgeImage, "sizeBytes">[]): number;
  /** Its bound of requests for a run: a group that takes more can never be scored. */
  readonly maxRequests?: number;
  /** Asks whether it is there, showing it no image. Answers who it is, in words. Throws as `score`. */
  probe?(signal: AbortSignal): Promise<string>;
  usage?(): JudgeUsage;
  /** What a person should know of this run, one sentence each. */
  notes?(): readonly string[];
  close?(): Promise<void>;
}
