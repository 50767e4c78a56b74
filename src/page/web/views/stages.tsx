import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Task, TaskKind, Answer } from "../../api.ts";
import type { PastVote } from "../past-votes.ts";
import { type Zoom, chooseColumns, type Size } from "../geometry.ts";
import { useStrings } from "../strings/language.ts";
import type { Draft } from "./use-choosing.ts";
import { useSize } from "./use-size.ts";
import { NO_PICKS, type Flags, findRank, findChosenPlace, type Picks } from "../draft.ts";
import type { Strings } from "../strings/strings.ts";
import { Cell, type Mark } from "./cell.tsx";

/** Tasks whose images are loaded and decoded ahead, besides the one on screen. */
const AHEAD = 3;

interface StagesProps {
  readonly tasks: readonly Task[];
  readonly kind: TaskKind;
  readonly draft: Draft;
  readonly before: PastVote | undefined;
  readonly ready: ReadonlySet<string>;
  readonly onReady: (taskId: string) => void;
  readonly onZoom: (zoom: Zoom) => void;
  readonly onPick: (slot: string) => void;
}

/** The task on screen and, hidden, the next ones. The focus stays at the same position when the task changes. */
export function Stages({ tasks, kind, draft, before, ready, onReady, onZoom, onPick }: StagesProps) {
  const [room, setRoom] = useState<HTMLElement | null>(null);
  const area = useSize(room);
  const strings = useStrings();
  const focused = useRef<string | null>(null);
  const current = tasks[0]?.task_id;
  useLayoutEffect(() => {
    if (focused.current === null || document.activeElement !== document.body) return;
    room?.querySelector<HTMLElement>(`.stage:not(.waiting) [data-index="${focused.current}"]`)?.focus();
  }, [current, room]);
  return (
    <div
      ref={setRoom}
      class="stages"
      onFocusIn={({ target }) => (focused.current = target instanceof HTMLElement ? (target.dataset["index"] ?? null) : null)}
      onPointerDown={() => (focused.current = null)}
    >
      <p class="visually-hidden" role="status">
        {current === undefined || ready.has(current) ? "" : strings.loading}
      </p>
      {tasks.slice(0, AHEAD + 1).map((task, index) => (
        <Stage
          key={task.task_id}
          task={task}
          kind={kind}
          isActive={index === 0}
          isReady={ready.has(task.task_id)}
          area={area}
          picks={index === 0 ? draft.picks : NO_PICKS}
          before={index === 0 ? (before?.answer ?? null) : null}
          flags={index === 0 ? draft.flags : {}}
          zoom={index === 0 ? draft.zoom : "fit"}
          onZoom={onZoom}
          onPick={onPick}
          onReady={onReady}
        />
      ))}
    </div>
  );
}

/** Equal to the lengths in styles/choosing.css. */
const GAP_PX = 8;
const CAPTION_PX = 32;

interface StageProps {
  readonly task: Task;
  readonly kind: TaskKind;
  readonly isActive: boolean;
  readonly isReady: boolean;
  readonly area: Size | null;
  readonly picks: Picks;
  readonly before: Answer | null;
  readonly flags: Flags;
  readonly zoom: Zoom;
  readonly onZoom: (zoom: Zoom) => void;
  readonly onPick: (slot: string) => void;
  readonly onReady: (taskId: string) => void;
}

/** The images of one task. Those of the next tasks are laid out already, hidden, so that showing them takes one frame. */
export function Stage({ task, kind, isActive, isReady, area, picks, before, flags, zoom, onZoom, onPick, onReady }: StageProps) {
  const strings = useStrings();
  const ready = useRef(new Set<string>());
  const [first] = task.images;
  const columns =
    area === null || first === undefined
      ? task.images.length
      : chooseColumns({ count: task.images.length, area, image: first, gapPx: GAP_PX, captionPx: CAPTION_PX });
  return (
    <div
      class={isActive ? "stage" : "stage waiting"}
      data-task={task.task_id}
      data-ready={isReady}
      aria-busy={!isReady}
      style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
    >
      {task.images.map((image, index) => (
        <Cell
          key={image.slot}
          image={image}
          index={index}
          mark={chooseMark(image.slot, { kind, picks, before, strings })}
          flags={flags[image.slot] ?? []}
          zoom={zoom}
          onZoom={onZoom}
          isActive={isActive}
          canChoose={isReady}
          onChoose={() => onPick(image.slot)}
          onReady={() => {
            ready.current.add(image.slot);
            if (ready.current.size === task.images.length) onReady(task.task_id);
          }}
        />
      ))}
    </div>
  );
}

interface MarkInputs extends Pick<StageProps, "kind" | "picks" | "before"> {
  readonly strings: Strings;
}

function chooseMark(slot: string, { kind, picks, before, strings }: MarkInputs): Mark | null {
  const rank = findRank(picks, slot);
  if (rank !== null) return { text: kind === "rank" ? strings.place(rank) : strings.best, tone: "best" };
  const was = before === null || picks.tiers.length > 0 ? null : findChosenPlace(before, slot);
  return was === null ? null : { text: `${strings[was]} · ${strings.chosenBefore}`, tone: "before" };
}
