import { useRef } from "preact/hooks";
import type { Answer, Task, TaskKind } from "../../api.ts";
import { bestColumns } from "../best-columns.ts";
import type { Flags } from "../flags.ts";
import { rankOf, wasChosen, type Picks } from "../picks.ts";
import type { Strings } from "../strings/strings.ts";
import { useStrings } from "../strings/use-strings.ts";
import type { Size, Zoom } from "../zoom.ts";
import { Cell, type Mark } from "./cell.tsx";

/** As in styles/choosing.css. */
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

/** The images of one task. Those of the next tasks are laid out already, unseen, so that showing them is one frame's work. */
export function Stage({ task, kind, isActive, isReady, area, picks, before, flags, zoom, onZoom, onPick, onReady }: StageProps) {
  const strings = useStrings();
  const ready = useRef(new Set<string>());
  const [first] = task.images;
  const columns =
    area === null || first === undefined
      ? task.images.length
      : bestColumns({ count: task.images.length, area, image: first, gapPx: GAP_PX, captionPx: CAPTION_PX });
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
          mark={markOf(image.slot, { kind, picks, before, strings })}
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

function markOf(slot: string, { kind, picks, before, strings }: MarkInputs): Mark | null {
  const rank = rankOf(picks, slot);
  if (rank !== null) return { text: kind === "rank" ? strings.place(rank) : strings.best, tone: "best" };
  const was = before === null || picks.tiers.length > 0 ? null : wasChosen(before, slot);
  return was === null ? null : { text: `${strings[was]} · ${strings.chosenBefore}`, tone: "before" };
}
