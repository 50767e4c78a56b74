import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { useStrings, STRINGS } from "../strings/language.ts";
import type { Language } from "../../api.ts";

interface DialogProps {
  readonly title: string;
  readonly className?: string;
  readonly onClose: () => void;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  readonly children: ComponentChildren;
}

/** A modal dialog. The browser keeps the focus inside, restores it at the end, and closes it on Escape. */
export function Dialog({ title, className = "", onClose, onKeyDown, children }: DialogProps) {
  const strings = useStrings();
  const titleId = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  // A closed dialog reports it a moment later, when the next one may already be open.
  const isGone = useRef(false);
  // A layout effect, because the next key is already for the dialog.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      isGone.current = true;
      element?.close();
    };
  }, []);
  // Keys of an open dialog do not reach the page behind it. A closed one keeps the focus until the next render, and its keys are for the
  // page.
  const onKey = (event: KeyboardEvent): void => {
    if (dialog.current?.open !== true) return;
    event.stopPropagation();
    onKeyDown?.(event);
  };
  return (
    <dialog
      ref={dialog}
      class={className}
      aria-labelledby={titleId}
      onClose={() => !isGone.current && onClose()}
      onClick={(event) => event.target === dialog.current && onClose()}
      onKeyDown={onKey}
    >
      <div class="dialog-body">
        <header>
          <h2 id={titleId}>{title}</h2>
          <button type="button" class="plain" onClick={onClose}>
            {strings.close}
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface GuidelinesDialogProps {
  readonly text: string | null;
  readonly onClose: () => void;
}

/** The guidelines that the configuration names. */
export function GuidelinesDialog({ text, onClose }: GuidelinesDialogProps) {
  const strings = useStrings();
  return (
    <Dialog title={strings.guidelines} onClose={onClose} onKeyDown={(event) => event.key.toLowerCase() === "g" && onClose()}>
      {/* A long text can be scrolled with the keyboard, too. */}
      <div class="guidelines" tabIndex={0} role="region" aria-label={strings.guidelines}>
        {text ?? strings.noGuidelines}
      </div>
    </Dialog>
  );
}

interface KeysDialogProps {
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  /** Whether single keys choose at once. WCAG 2.1.4 requires a way to turn them off. */
  readonly singleKeys: boolean;
  readonly onSingleKeys: (on: boolean) => void;
  readonly onClose: () => void;
}

/** The list of keys, and the settings. */
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
