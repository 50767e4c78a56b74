import { printable } from "../../lib/terminal/printable.ts";

/** Text as HTML shows it, in elements and in quoted attributes; control characters, which HTML may not hold, as visible escapes. */
export function escapeHtml(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** A row of a table; cells are escaped. */
export function tableRow(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
}
