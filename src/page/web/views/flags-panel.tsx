import { useRef, useState } from "preact/hooks";
import type { Flag, Task } from "../../api.ts";
import { readCommand } from "../read-command.ts";
import { FLAG_KEYS, toggleFlag, type Flags } from "../draft.ts";
import { useStrings } from "../strings/language.ts";
import { Dialog } from "./dialogs.tsx";

interface FlagsPanelProps {
  readonly task: Task;
  readonly flags: Flags;
  readonly onChange: (flags: Flags) => void;
  readonly onClose: () => void;
}

/** A row for each image and a column for each flag. Works by mouse and touch, or with a digit for the row and letters for the flags. */
export function FlagsPanel({ task, flags, onChange, onClose }: FlagsPanelProps) {
  const strings = useStrings();
  const [row, setRow] = useState(0);
  // Keys may come faster than renders: each continues from what the one before did.
  const latest = useRef({ row, flags });
  latest.current = { row, flags };
  const choose = (index: number): void => {
    latest.current.row = index;
    setRow(index);
  };
  const toggle = (slot: string, flag: Flag): void => {
    latest.current.flags = toggleFlag(latest.current.flags, slot, flag);
    onChange(latest.current.flags);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const flag = FLAG_KEYS.find(([, key]) => key === event.key.toUpperCase() || `Key${key}` === event.code)?.[0];
    const command = readCommand(event);
    const slot = task.images[latest.current.row]?.slot;
    if (command?.kind === "flags") onClose();
    else if (command?.kind === "pick" && command.index < task.images.length) choose(command.index);
    else if (flag !== undefined && slot !== undefined && !event.repeat && !event.ctrlKey && !event.metaKey) toggle(slot, flag);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={strings.flags} className="bottom" onClose={onClose} onKeyDown={onKeyDown}>
      <table class="flags">
        <thead>
          <tr>
            <td />
            {FLAG_KEYS.map(([flag, key]) => (
              <th key={flag} scope="col">
                {strings.flag[flag]} <kbd>{key}</kbd>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {task.images.map(({ slot }, index) => (
            <tr key={slot} class={index === row ? "current" : ""} aria-current={index === row ? "true" : undefined}>
              <th scope="row">
                <button type="button" class="plain" onClick={() => choose(index)}>
                  {strings.image(index + 1)}
                </button>
              </th>
              {FLAG_KEYS.map(([flag]) => (
                <td key={flag}>
                  <label>
                    <input
                      type="checkbox"
                      aria-label={`${strings.image(index + 1)}: ${strings.flag[flag]}`}
                      checked={flags[slot]?.includes(flag) ?? false}
                      onChange={() => toggle(slot, flag)}
                    />
                  </label>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">{strings.flagsHelp}</p>
    </Dialog>
  );
}
