import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Task, TaskKind } from "../../api.ts";
import type { PastVote } from "../past-votes.ts";
import type { Zoom } from "../zoom.ts";
import { useStrings } from "../strings/use-strings.ts";
import { Stage } from "./stage.tsx";
import type { Draft } from "./hooks/use-draft.ts";
import { useSize } from "./hooks/use-size.ts";
import { NO_PICKS } from "../picks.ts";

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

/** The task on screen and, unseen, the next ones. The focus stays at the same place when the task changes. */
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
