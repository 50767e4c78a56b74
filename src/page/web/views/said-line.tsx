import type { Answer, Task } from "../../api.ts";
import type { Said } from "../desk.ts";
import type { Strings } from "../strings/strings.ts";
import { useStrings } from "../strings/use-strings.ts";

interface SaidLineProps {
  readonly said: Said | null;
  /** What was answered, to name its images by their places. */
  readonly answered: Task | null;
}

/** What the last key did, for eyes and for screen readers. */
export function SaidLine({ said, answered }: SaidLineProps) {
  const strings = useStrings();
  return (
    <span class="said" aria-live="polite">
      {said === null ? "" : textOf(said, answered, strings)}
    </span>
  );
}

function textOf(said: Said, task: Task | null, strings: Strings): string {
  if (said.kind === "undone") return strings.undone;
  if (said.kind === "cannot-undo") return strings.cannotUndo;
  if (said.kind === "nothing-to-undo") return strings.nothingToUndo;
  return strings.answered(describe(said.answer, task, strings));
}

function describe(answer: Answer, task: Task | null, strings: Strings): string {
  const number = (slot: string): string => String((task?.images.findIndex((image) => image.slot === slot) ?? 0) + 1);
  if (answer.kind === "tie") return strings.tie;
  if (answer.kind === "skip") return strings.skip;
  if (answer.kind === "both-bad") return strings.bothBad(task?.images.length ?? 2);
  if (answer.kind === "best") return number(answer.best);
  if (answer.kind === "best-worst") return `${strings.best} ${number(answer.best)}, ${strings.worst} ${number(answer.worst)}`;
  return answer.ranking.map((tier) => tier.map(number).join(" = ")).join(" > ");
}
