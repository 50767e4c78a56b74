import type { Answer, Flag, TaskKind } from "../api.ts";

/** An answer in the form in which votes are stored (see docs/votes.md). */
export interface ReadAnswer {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** image_ids, best first. Tied images share one inner list. */
  readonly ranking: readonly (readonly string[])[];
}

/** An answer does not fit its task. The message says why. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** slot → image_id, in the order shown. */
export type Slots = ReadonlyMap<string, string>;

/** Translates an answer from slots to image_ids. @throws {AnswerError} if it does not fit the task. */
export function readAnswer(answer: Answer, { slots, task }: { readonly slots: Slots; readonly task: TaskKind }): ReadAnswer {
  const imageOf = (slot: string): string => resolveSlot(slots, slot);
  switch (answer.kind) {
    case "skip":
      return { kind: "skip", ranking: [] };
    case "both-bad":
      return { kind: "both_bad", ranking: [] };
    case "tie":
      return { kind: "tie", ranking: [[...slots.values()]] };
    case "best":
      return { kind: "choice", ranking: [[imageOf(answer.best)]] };
    case "best-worst": {
      const [best, worst] = [imageOf(answer.best), imageOf(answer.worst)];
      if (task !== "best-worst") throw new AnswerError(`the task is ${task}, which has no worst`);
      if (slots.size < 3)
        throw new AnswerError(`with ${slots.size} images the worst is the one that was not chosen: send an answer of kind best`);
      if (best === worst) throw new AnswerError("the same image is named as best and as worst");
      const others = [...slots.values()].filter((imageId) => imageId !== best && imageId !== worst);
      return { kind: "choice", ranking: [[best], others, [worst]] };
    }
    case "ranking": {
      const ranking = answer.ranking.map((tier) => tier.map(imageOf));
      const ranked = ranking.flat();
      if (task !== "rank") throw new AnswerError(`the task is ${task}, which does not take a ranking`);
      if (new Set(ranked).size < ranked.length) throw new AnswerError("an image is ranked twice");
      if (ranked.length < slots.size) throw new AnswerError(`only ${ranked.length} of ${slots.size} images are ranked`);
      return { kind: ranking.length === 1 ? "tie" : "choice", ranking };
    }
  }
}

/**
 * Translates flags from slots to image_ids, sorted as votes store them. Images without flags are left out. @throws {AnswerError} for a slot
 * that is not part of the task.
 */
export function readFlags(flags: Readonly<Record<string, readonly Flag[]>>, slots: Slots): Readonly<Record<string, readonly Flag[]>> {
  const byImage = Object.entries(flags)
    .filter(([, marks]) => marks.length > 0)
    .map(([slot, marks]): [string, readonly Flag[]] => [resolveSlot(slots, slot), [...new Set(marks)].toSorted()]);
  return Object.fromEntries(byImage.toSorted(([first], [second]) => (first < second ? -1 : 1)));
}

function resolveSlot(slots: Slots, slot: string): string {
  const imageId = slots.get(slot);
  if (imageId === undefined) throw new AnswerError("it names a slot that is not part of the task");
  return imageId;
}
