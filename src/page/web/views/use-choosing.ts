import { useRef, useState, useLayoutEffect } from "preact/hooks";
import type { Answer, Task, TaskKind } from "../../api.ts";
import type { Command } from "../read-command.ts";
import type { Desk } from "../desk.ts";
import type { PastVote } from "../past-votes.ts";
import { NO_PICKS, pick, pickTie, type PickResult, type Flags, type Picks } from "../draft.ts";
import { panBy, toggleZoom, zoomAt, type Frame, type Zoom } from "../geometry.ts";

/** An arrow key moves zoomed images this far, px. */
const PAN_STEP_PX = 80;

interface ChoosingInputs {
  readonly desk: Desk;
  readonly task: Task;
  readonly kind: TaskKind;
  /** True once all images are loaded. Nobody can choose before. */
  readonly isReady: boolean;
  /** The vote on this task that was undone, if any. */
  readonly before: PastVote | undefined;
}

/** Commands that act on the task on screen. The others open something. */
export type TaskCommand = Exclude<Command, { readonly kind: "flags" | "guidelines" | "keys" | "negative" }>;

export interface Choosing {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly pickSlot: (slot: string | undefined) => void;
  readonly act: (command: TaskCommand) => void;
  /** A key was pressed: the time from here to the next images is measured. */
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
  const take = ({ picks, answer: given }: PickResult): void => {
    if (given === null) change({ picks });
    else answer(given);
  };
  const pickSlot = (slot: string | undefined): void => {
    if (slot !== undefined && isReady) take(pick(draft.picks, slot, asked));
  };
  const zoomWith = (next: (frame: Frame) => Zoom): void => {
    const frame = measureFrame(task);
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

/** Returns the first image and its cell. All cells of a task have one size. */
function measureFrame({ images: [image] }: Task): Frame | null {
  const element = document.querySelector(".stage:not(.waiting) .frame");
  if (element === null || image === undefined) return null;
  return { cell: { width: element.clientWidth, height: element.clientHeight }, image };
}

/** The unfinished answer to the task on screen: picks, flags and zoom. */
export interface Draft {
  readonly picks: Picks;
  readonly flags: Flags;
  readonly zoom: Zoom;
}

/** Holds the draft of a task. Another task begins a new one, with the flags of its undone vote if there is one. */
function useDraft(task: Task, before: PastVote | undefined): readonly [Draft, (change: Partial<Draft>) => void] {
  const fresh = (): Draft & { readonly of: string } => ({
    of: draftId(task, before),
    picks: NO_PICKS,
    flags: before?.flags ?? {},
    zoom: "fit",
  });
  const [kept, setKept] = useState(fresh);
  const draft = kept.of === draftId(task, before) ? kept : fresh();
  const change = (part: Partial<Draft>): void => setKept((latest) => ({ ...(latest.of === draft.of ? latest : draft), ...part }));
  return [draft, change];
}

/** A task whose vote was undone begins a new draft. */
function draftId({ task_id }: Task, before: PastVote | undefined): string {
  return `${task_id} ${before?.vote_id ?? ""}`;
}

export interface ChoiceTime {
  /** Returns the time since the images are on screen, ms. 0 before. */
  readonly sinceShownMs: () => number;
  /** Sets when the key was pressed that is being handled, as its event says. */
  readonly onKey: (timeStamp: number) => void;
  /** Call when an answer is given: the time from here to the next images is measured. */
  readonly onAnswer: () => void;
}

/** Name in the browser's performance timeline of the time from a choice until the next images are drawn. */
const MEASURE = "choice-to-next";
/** Measures are cleared beyond this number: the browser keeps all of them. */
const MEASURES_MAX = 1_000;

/** Measures how long people look, and how long they wait. The second can be read in the browser's developer tools. */
function useChoiceTime(taskId: string, isReady: boolean): ChoiceTime {
  const shownAt = useRef<number | null>(null);
  const keyAt = useRef<number | null>(null);
  const answeredAt = useRef<number | null>(null);
  useLayoutEffect(() => {
    shownAt.current = isReady ? performance.now() : null;
    const start = answeredAt.current;
    if (!isReady || start === null) return;
    answeredAt.current = null;
    // The second callback runs after the frame of the first was drawn.
    requestAnimationFrame(() => requestAnimationFrame(() => measure(start)));
  }, [taskId, isReady]);
  return {
    sinceShownMs: () => (shownAt.current === null ? 0 : performance.now() - shownAt.current),
    onKey: (timeStamp) => (keyAt.current = timeStamp),
    onAnswer: () => {
      answeredAt.current = keyAt.current ?? performance.now();
      keyAt.current = null;
    },
  };
}

function measure(start: number): void {
  if (performance.getEntriesByName(MEASURE).length >= MEASURES_MAX) performance.clearMeasures(MEASURE);
  performance.measure(MEASURE, { start, end: performance.now() });
}
