import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { useStrings } from "../strings/use-strings.ts";

interface DialogProps {
  readonly title: string;
  readonly className?: string;
  readonly onClose: () => void;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  readonly children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus inside, gives it back at the end, and closes on Escape. */
export function Dialog({ title, className = "", onClose, onKeyDown, children }: DialogProps) {
  const strings = useStrings();
  const titleId = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  // A closed dialog says so a moment later, when the next one may be open already.
  const isGone = useRef(false);
  // Before anything else happens: the next key is for the dialog already.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      isGone.current = true;
      element?.close();
    };
  }, []);
  // The page behind hears no key of an open dialog. One that is closed keeps the focus until the page is drawn again: its keys are for
  // the page.
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
