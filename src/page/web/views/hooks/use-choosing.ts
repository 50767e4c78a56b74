import { useRef } from "preact/hooks";
import type { Answer, Task, TaskKind } from "../../../api.ts";
import type { Command } from "../../command-of-key.ts";
import type { Desk } from "../../desk.ts";
import type { PastVote } from "../../past-votes.ts";
import { NO_PICKS, pick, pickTie, type Picked } from "../../picks.ts";
import { panBy, toggleZoom, zoomAt, type Frame, type Zoom } from "../../zoom.ts";
import { useChoiceTime } from "./use-choice-time.ts";
import { useDraft, type Draft } from "./use-draft.ts";

/** Px that an arrow key moves zoomed images. */
const PAN_STEP_PX = 80;

interface ChoosingInputs {
  readonly desk: Desk;
  readonly task: Task;
  readonly kind: TaskKind;
  /** All images are there: before, nobody chooses among some. */
  readonly isReady: boolean;
  /** What was answered before it was taken back. */
  readonly before: PastVote | undefined;
}

/** What of the commands concerns the task on screen; the others open something. */
export type TaskCommand = Exclude<Command, { readonly kind: "flags" | "guidelines" | "keys" | "negative" }>;

export interface Choosing {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly pickSlot: (slot: string | undefined) => void;
  readonly act: (command: TaskCommand) => void;
  /** A key went down: from here to the next images is measured. */
  readonly onKey: (timeStamp: number) => void;
  /** The task that was answered last, to name its images. */
  readonly answered: Task | null;
}

/** Turns picks and commands into the answer to the task on screen. */
export function useChoosing({ desk, task, kind, isReady, before }: ChoosingInputs): Choosing {
  const answered = useRef<Task | null>(null);
  const [draft, change] = useDraft(task, before);
  const time = useChoiceTime(task.task_id, isReady);
  const asked = { kind, slots: task.images.map(({ slot }) => slot) };

  const answer = (given: Answer): void => {
    if (!isReady && given.kind !== "skip") return;
    answered.current = task;
    time.onAnswer();
    desk.answer(given, draft.flags, time.sinceShownMs());
  };
  const take = ({ picks, answer: given }: Picked): void => {
    if (given === null) change({ picks });
    else answer(given);
  };
  const pickSlot = (slot: string | undefined): void => {
    if (slot !== undefined && isReady) take(pick(draft.picks, slot, asked));
  };
  const zoomWith = (next: (frame: Frame) => Zoom): void => {
    const frame = frameOnScreen(task);
    if (frame !== null) change({ zoom: next(frame) });
  };
  const act = (command: TaskCommand): void => {
    switch (command.kind) {
      case "pick":
        return pickSlot(asked.slots[command.index]);
      case "tie":
        return isReady ? take(pickTie(draft.picks, asked)) : undefined;
      case "both-bad":
      case "skip":
        return answer({ kind: command.kind });
      case "undo":
        return draft.picks.tiers.length > 0 ? change({ picks: NO_PICKS }) : void desk.undo();
      case "zoom":
        return zoomWith((at) => toggleZoom(draft.zoom, at, devicePixelRatio));
      case "zoom-by":
        return zoomWith((at) => zoomAt(draft.zoom, at, command.factor, { x: at.cell.width / 2, y: at.cell.height / 2 }));
      case "pan":
        return zoomWith((at) => panBy(draft.zoom, at, { x: command.x * PAN_STEP_PX, y: command.y * PAN_STEP_PX }));
      case "close":
        return change({ zoom: "fit", picks: NO_PICKS });
    }
  };
  return { draft, change, pickSlot, act, onKey: time.onKey, answered: answered.current };
}

/** The first image and the room that it is drawn in; all cells of a task are of one size. */
function frameOnScreen({ images: [image] }: Task): Frame | null {
  const element = document.querySelector(".stage:not(.waiting) .frame");
  if (element === null || image === undefined) return null;
  return { cell: { width: element.clientWidth, height: element.clientHeight }, image };
}
