import type { JudgeImage, Score } from "../judge.ts";
import type { ChatAnswer, Question } from "./chat-completion.ts";

/** One question of a group, asked by its images' ids in the order shown. */
export interface Asked {
  readonly key: string;
  /** Reads its images only when it is about to be asked. */
  question(signal: AbortSignal): Promise<Question>;
}

/** How a group becomes questions, and answers become scores. */
export interface Mode {
  /** True where scores say how the images of one list compare. */
  readonly relative: boolean;
  countQuestions(images: number): number;
  questionsOf(prompt: string, images: readonly JudgeImage[]): readonly Asked[];
  /** One score an image, in order; `answers` by question key. */
  scoresOf(images: readonly JudgeImage[], answers: ReadonlyMap<string, ChatAnswer>): readonly Score[];
}
