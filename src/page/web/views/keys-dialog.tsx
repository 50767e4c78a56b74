import type { Language } from "../../api.ts";
import { STRINGS } from "../strings/strings-of.ts";
import { useStrings } from "../strings/use-strings.ts";
import { Dialog } from "./dialog.tsx";

interface KeysDialogProps {
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  /** Whether single keys choose at once; WCAG 2.1.4 wants a way to turn them off. */
  readonly singleKeys: boolean;
  readonly onSingleKeys: (on: boolean) => void;
  readonly onClose: () => void;
}

/** All keys, and what can be set. */
export function KeysDialog({ language, onLanguage, singleKeys, onSingleKeys, onClose }: KeysDialogProps) {
  const strings = useStrings();
  return (
    <Dialog title={strings.keys} onClose={onClose} onKeyDown={(event) => event.key === "?" && onClose()}>
      <dl class="keys">
        {strings.keyRows.map(([keys, does]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="settings">
        <label>
          <input type="checkbox" checked={singleKeys} onChange={(event) => onSingleKeys(event.currentTarget.checked)} />
          {strings.singleKeys}
        </label>
        <label>
          {strings.language}
          <select value={language} onChange={(event) => onLanguage(event.currentTarget.value === "zh" ? "zh" : "en")}>
            {Object.entries(STRINGS).map(([code, { name, tag }]) => (
              <option key={code} value={code} lang={tag}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </p>
    </Dialog>
  );
}
