import type { DeskState } from "../desk.ts";
import { useStrings } from "../strings/use-strings.ts";

/** How far the person is, and whether every vote has reached the server. */
export function StatusLine({ state: { progress, unsent, link, isKept } }: { readonly state: DeskState }) {
  const strings = useStrings();
  const number = (value: number): string => Math.round(value).toLocaleString(strings.tag);
  const isOffline = link === "offline";
  const waiting = isOffline ? strings.offline : strings.waiting;
  return (
    <div class="status">
      <span class="progress">
        {strings.progress({ done: number(progress.done), left: number(progress.left) })}
        {progress.per_hour > 0 && ` · ${strings.rate(number(progress.per_hour))}`}
      </span>
      <span class={isOffline ? "link offline" : "link"} role="status" data-unsent={unsent} data-link={link}>
        {unsent > 0 ? waiting(number(unsent)) : isOffline ? strings.offlineSaved : strings.saved}
      </span>
      {!isKept && <span class="link offline">{strings.notKept}</span>}
    </div>
  );
}
