import type { Inspection } from "../images/inspection.ts";

/** One candidate as a judge sees it. */
export interface JudgeImage {
  readonly imageId: string;
  readonly sha256: string;
  /** Permanent, as in exported rows: file:///… or s3://…, never presigned. */
  readonly uri: string;
  readonly sizeBytes: number;
  /** Reads the stored bytes. */
  bytes(signal: AbortSignal): Promise<Uint8Array>;
  /** The measures of the inspection. A judge that needs no pixels reads only these. */
  readonly inspection: Inspection;
  /** Score of the judge that `Judge.after` names. Null if there is no such judge, or it could not tell. */
  readonly earlierScore: number | null;
}

/** A judge's score of one image. Null (never 0) if the judge could not tell. */
export interface Score {
  readonly imageId: string;
  readonly score: number | null;
  readonly sigma?: number;
  /** The judge's raw answer, if it has one. */
  readonly raw?: string;
}

/** Requests and tokens that a judge has used in this run. */
export interface JudgeUsage {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/**
 * Scores the candidates of one prompt. Higher is better, and scores are comparable only within a prompt.
 * Every score is stored with the judge's name and version. A new version scores every image again; old scores are kept.
 */
export interface Judge {
  readonly name: string;
  readonly version: string;
  /** True for measures such as sharpness, which say nothing about what people prefer. */
  readonly technical: boolean;
  /**
   * True if a score compares an image with the others of its list. A group that has grown is then judged again as a whole, under the same
   * version.
   */
  readonly relative?: boolean;
  /** Name of the judge that must have scored a group before this one sees it. */
  readonly after?: string;
  /**
   * Returns one score for each image, in the same order. Returns null, and asks nothing, if its limit of requests for this run is reached.
   * @throws {TransientError | FatalError}
   */
  score(prompt: string, images: readonly JudgeImage[], signal: AbortSignal): Promise<readonly Score[] | null>;
  /** Returns the least number of requests that scoring a group takes. Absent if the judge sends none. */
  requestsFor?(images: readonly Pick<JudgeImage, "sizeBytes">[]): number;
  /** Limit of requests for a run. A group that takes more can never be scored. */
  readonly maxRequests?: number;
  /** Checks that the judge can be reached, without an image. Returns a description of it for people. Throws like `score`. */
  probe?(signal: AbortSignal): Promise<string>;
  usage?(): JudgeUsage;
  /** Remarks about this run for people, one sentence each. */
  notes?(): readonly string[];
  close?(): Promise<void>;
}
