import type { ChatAnswer } from "./chat-answer.ts";

/** Of groups that failed in the middle; more than any concurrency leaves behind. */
const KEPT_MAX = 10_000;

/** Answers of groups that are not whole yet: a group that failed at its last question is not asked all the others again. */
export interface Answers {
  get(key: string): ChatAnswer | undefined;
  keep(key: string, answer: ChatAnswer): void;
  drop(keys: readonly string[]): void;
}

export function openAnswers(): Answers {
  const kept = new Map<string, ChatAnswer>();
  return {
    get: (key) => kept.get(key),
    keep(key, answer) {
      const [oldest] = kept.keys();
      if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      kept.set(key, answer);
    },
    drop(keys) {
      for (const key of keys) kept.delete(key);
    },
  };
}
