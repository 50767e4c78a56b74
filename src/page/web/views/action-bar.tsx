import type { TargetedMouseEvent } from "preact";
import type { Command } from "../read-command.ts";
import { useStrings } from "../strings/language.ts";

type ActionKind = Exclude<Command["kind"], "pick" | "pan" | "zoom-by" | "close">;

interface ActionBarProps {
  readonly images: number;
  /** In the middle of a ranking, T ties the next image with the last. */
  readonly isRanking: boolean;
  readonly canAnswer: boolean;
  readonly joins: boolean;
  readonly isZoomed: boolean;
  readonly hasNegative: boolean;
  readonly showsNegative: boolean;
  readonly onAction: (kind: ActionKind) => void;
}

interface Action {
  readonly kind: ActionKind;
  readonly label: string;
  readonly keyName: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
}

/** Buttons for everything that keys do. */
export function ActionBar(props: ActionBarProps) {
  const { images, isRanking, canAnswer, joins, isZoomed, hasNegative, showsNegative, onAction } = props;
  const strings = useStrings();
  const answers: readonly Action[] = [
    isRanking
      ? { kind: "tie", label: strings.tieNext, keyName: "T", pressed: joins }
      : { kind: "tie", label: strings.tie, keyName: "T", disabled: !canAnswer },
    { kind: "both-bad", label: strings.bothBad(images), keyName: "B", disabled: !canAnswer },
    { kind: "skip", label: strings.skip, keyName: "S" },
    { kind: "undo", label: strings.undo, keyName: "Z" },
  ];
  const views: readonly Action[] = [
    { kind: "flags", label: strings.flags, keyName: "F" },
    { kind: "zoom", label: isZoomed ? strings.fit : strings.zoom, keyName: "Space", pressed: isZoomed },
    { kind: "negative", label: strings.negative, keyName: "N", pressed: showsNegative && hasNegative, disabled: !hasNegative },
    { kind: "guidelines", label: strings.guidelines, keyName: "G" },
    { kind: "keys", label: strings.keys, keyName: "?" },
  ];
  const button = ({ kind, label, keyName, pressed, disabled = false }: Action) => (
    <button
      key={kind}
      type="button"
      data-action={kind}
      aria-keyshortcuts={keyName}
      aria-pressed={pressed}
      aria-disabled={disabled}
      onClick={({ currentTarget }: TargetedMouseEvent<HTMLButtonElement>) => {
        if (!disabled) onAction(kind);
        // After a click, keys are for the images again. A click without a pointer comes from a key or a screen reader, and keeps its focus.
        if (currentTarget.matches(":not(:focus-visible)")) currentTarget.blur();
      }}
    >
      {label} <kbd aria-hidden="true">{keyName}</kbd>
    </button>
  );
  return (
    <nav class="actions">
      <div>{answers.map(button)}</div>
      <div>{views.map(button)}</div>
    </nav>
  );
}
