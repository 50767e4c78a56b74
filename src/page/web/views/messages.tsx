import type { ComponentChildren } from "preact";
import type { DeskState, LastEvent, Refused } from "../desk.ts";
import { useStrings } from "../strings/language.ts";
import type { Answer, Task } from "../../api.ts";
import type { Strings } from "../strings/strings.ts";

interface MessageProps {
  readonly title: string;
  readonly children?: ComponentChildren;
}

/** A whole page with one message. */
export function Message({ title, children }: MessageProps) {
  return (
    <main class="message" aria-live="polite">
      <h1>{title}</h1>
      {children}
    </main>
  );
}

/** The person's progress, and whether every vote has reached the server. */
export function StatusLine({ state: { progress, unsent, link, isKept } }: { readonly state: DeskState }) {
  const strings = useStrings();
  const number = (value: number): string => Math.round(value).toLocaleString(strings.tag);
  const isOffline = link === "offline";
  const waiting = isOffline ? strings.offline : strings.waiting;
  return (
    <div class="status">
      <span class="progress">
        {strings.progress({ done: number(progress.done), left: number(progress.left) })}
        {progress.per_hour > 0 && ` · ${strings.rate(number(progress.per_hour))}`}
      </span>
      <span class={isOffline ? "link offline" : "link"} role="status" data-unsent={unsent} data-link={link}>
        {unsent > 0 ? waiting(number(unsent)) : isOffline ? strings.offlineSaved : strings.saved}
      </span>
      {!isKept && <span class="link offline">{strings.notKept}</span>}
    </div>
  );
}

interface LastEventLineProps {
  readonly event: LastEvent | null;
  /** The answered task, to name its images by position. */
  readonly answered: Task | null;
}

/** The result of the last action, as text and for screen readers. */
export function LastEventLine({ event, answered }: LastEventLineProps) {
  const strings = useStrings();
  return (
    <span class="last-event" aria-live="polite">
      {event === null ? "" : describeEvent(event, answered, strings)}
    </span>
  );
}

function describeEvent(event: LastEvent, task: Task | null, strings: Strings): string {
  if (event.kind === "undone") return strings.undone;
  if (event.kind === "cannot-undo") return strings.cannotUndo;
  if (event.kind === "nothing-to-undo") return strings.nothingToUndo;
  return strings.answered(describeAnswer(event.answer, task, strings));
}

function describeAnswer(answer: Answer, task: Task | null, strings: Strings): string {
  const number = (slot: string): string => String((task?.images.findIndex((image) => image.slot === slot) ?? 0) + 1);
  if (answer.kind === "tie") return strings.tie;
  if (answer.kind === "skip") return strings.skip;
  if (answer.kind === "both-bad") return strings.bothBad(task?.images.length ?? 2);
  if (answer.kind === "best") return number(answer.best);
  if (answer.kind === "best-worst") return `${strings.best} ${number(answer.best)}, ${strings.worst} ${number(answer.worst)}`;
  return answer.ranking.map((tier) => tier.map(number).join(" = ")).join(" > ");
}

interface RefusedNoteProps {
  readonly refused: readonly Refused[];
  readonly onDismiss: () => void;
}

/** Votes that the server will never accept, by reason. */
export function RefusedNote({ refused, onDismiss }: RefusedNoteProps) {
  const strings = useStrings();
  if (refused.length === 0) return null;
  const reasons = [...new Set(refused.map(({ reason }) => strings.refusedReason[reason]))];
  return (
    <p class="note" role="alert">
      {strings.refused(refused.length.toLocaleString(strings.tag))} {reasons.join("; ")}
      <button type="button" class="plain" onClick={onDismiss}>
        {strings.dismiss}
      </button>
    </p>
  );
}
