import { useStrings } from "../strings/use-strings.ts";
import { Dialog } from "./dialog.tsx";

interface GuidelinesDialogProps {
  readonly text: string | null;
  readonly onClose: () => void;
}

export function GuidelinesDialog({ text, onClose }: GuidelinesDialogProps) {
  const strings = useStrings();
  return (
    <Dialog title={strings.guidelines} onClose={onClose} onKeyDown={(event) => event.key.toLowerCase() === "g" && onClose()}>
      {/* A long text is scrolled with the keyboard, too. */}
      <div class="guidelines" tabIndex={0} role="region" aria-label={strings.guidelines}>
        {text ?? strings.noGuidelines}
      </div>
    </Dialog>
  );
}
