import type { Answer, Flag, TaskKind } from "../api.ts";

/** What was chosen, as a vote says it (see docs/votes.md). */
export interface ReadAnswer {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** image_ids, best first; tied ones in one inner list. */
  readonly ranking: readonly (readonly string[])[];
}

/** Why an answer fits its task in no way, in words. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** Where an answer's slots lead: slot → image_id, in the order shown. */
export type Slots = ReadonlyMap<string, string>;

/** Turns an answer in slots into one in image_ids. @throws {AnswerError} where it does not fit the task. */
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
      if (slots.size < 3) throw new AnswerError(`of ${slots.size} images the worst is the one that was not chosen: answer with best`);
      if (best === worst) throw new AnswerError("one image is best and worst");
      const others = [...slots.values()].filter((imageId) => imageId !== best && imageId !== worst);
      return { kind: "choice", ranking: [[best], others, [worst]] };
    }
    case "ranking": {
      const ranking = answer.ranking.map((tier) => tier.map(imageOf));
      const ranked = ranking.flat();
      if (task !== "rank") throw new AnswerError(`the task is ${task}, which takes no ranking`);
      if (new Set(ranked).size < ranked.length) throw new AnswerError("an image is ranked twice");
      if (ranked.length < slots.size) throw new AnswerError(`${ranked.length} of ${slots.size} images are ranked`);
      return { kind: ranking.length === 1 ? "tie" : "choice", ranking };
    }
  }
}

/** Flags by image_id, sorted, without images that have none: as votes hold them. @throws {AnswerError} for a slot that the task has not. */
export function readFlags(flags: Readonly<Record<string, readonly Flag[]>>, slots: Slots): Readonly<Record<string, readonly Flag[]>> {
  const byImage = Object.entries(flags)
    .filter(([, marks]) => marks.length > 0)
    .map(([slot, marks]): [string, readonly Flag[]] => [resolveSlot(slots, slot), [...new Set(marks)].toSorted()]);
  return Object.fromEntries(byImage.toSorted(([first], [second]) => (first < second ? -1 : 1)));
}

function resolveSlot(slots: Slots, slot: string): string {
  const imageId = slots.get(slot);
  if (imageId === undefined) throw new AnswerError("it names a slot that the task does not have");
  return imageId;
}
