import { useEffect, useRef } from "preact/hooks";
import { readCommand, type Command } from "../read-command.ts";

/** Calls `onCommand` for each key that is one, unless a dialog is open, which has keys of its own, or keys are turned off. */
export function useCommands(onCommand: (command: Command, timeStamp: number) => void, isOn: boolean): void {
  // Not taken off and added again: a key may come before the browser gets to effects.
  const latest = useRef({ onCommand, isOn });
  latest.current = { onCommand, isOn };
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      // Asked of the page itself: a dialog that Escape closed says so a moment later, and the next key may be here before.
      if (!latest.current.isOn || document.querySelector("dialog[open]") !== null) return;
      if (isTyping(event.target)) return;
      const command = readCommand(event);
      if (command === null || (command.kind === "pan" && isScrolled(event.target))) return;
      // Space would press the button that has the focus, and scroll the page.
      event.preventDefault();
      latest.current.onCommand(command, event.timeStamp);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
}

/** What is typed into a field is no command; a field inside a dialog that is closed takes nothing any more. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, select, textarea") && target.closest("dialog") === null;
}

/** Arrows inside a long prompt scroll it. */
function isScrolled(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("[role=region]") !== null;
}
