/** For the line that is read last: what rows of measures are. Empty where there are none. */
export function technicalNote(technicalRows: number, rows: number): string {
  if (technicalRows === 0) return "";
  return technicalRows === rows ? " (technical score, not preference)" : ` (${technicalRows} by a technical score, not preference)`;
}
