import type { Refused } from "../desk.ts";
import { useStrings } from "../strings/use-strings.ts";

interface RefusedNoteProps {
  readonly refused: readonly Refused[];
  readonly onDismiss: () => void;
}

/** Votes that the server will never take, by reason. */
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
