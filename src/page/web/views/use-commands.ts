import { useEffect, useRef } from "preact/hooks";
import { readCommand, type Command } from "../read-command.ts";

/** Calls `onCommand` for each key with a command, unless a dialog is open, which has its own keys, or keys are off. */
export function useCommands(onCommand: (command: Command, timeStamp: number) => void, isOn: boolean): void {
  // One listener for all renders: a key may come before the browser runs effects.
  const latest = useRef({ onCommand, isOn });
  latest.current = { onCommand, isOn };
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      // The document is asked, because a dialog that Escape closed reports it a moment later, and the next key may come before.
      if (!latest.current.isOn || document.querySelector("dialog[open]") !== null) return;
      if (isTyping(event.target)) return;
      const command = readCommand(event);
      if (command === null || (command.kind === "pan" && isScrolled(event.target))) return;
      // Space would press the focused button and scroll the page.
      event.preventDefault();
      latest.current.onCommand(command, event.timeStamp);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** Returns true for keys typed into a field. A field in a closed dialog takes none. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, select, textarea") && target.closest("dialog") === null;
}

/** Returns true inside a long prompt, which arrows scroll. */
function isScrolled(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("[role=region]") !== null;
}
