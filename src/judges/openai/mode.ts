import type { JudgeImage, Score } from "../judge.ts";
import type { ChatAnswer, Question } from "./chat-completion.ts";

/** One question about a group. Its key consists of the ids of its images, in the order shown. */
export interface GroupQuestion {
  readonly key: string;
  /** Creates the question. It reads the images, so it is called just before the question is asked. */
  create(signal: AbortSignal): Promise<Question>;
}

/** A way to turn a group into questions, and answers into scores. */
export interface Mode {
  /** See `Judge.relative`. */
  readonly relative: boolean;
  /** Returns the number of questions about so many images. */
  countQuestions(images: number): number;
  planQuestions(prompt: string, images: readonly JudgeImage[]): readonly GroupQuestion[];
  /** Returns one score for each image, in order. `answers` is by question key. */
  readScores(images: readonly JudgeImage[], answers: ReadonlyMap<string, ChatAnswer>): readonly Score[];
}
