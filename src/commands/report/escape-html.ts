import { printable } from "../../lib/terminal/printable.ts";

/** Text as HTML shows it, in elements and in quoted attributes; control characters, which HTML may not hold, as visible escapes. */
export function escapeHtml(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
