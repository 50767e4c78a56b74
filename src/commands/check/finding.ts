import { messageOf } from "../../errors.ts";

/** One line of the doctor's table. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** Something works, and still deserves a look before the night. */
  readonly warning?: true;
  readonly text: string;
}

/** The line of a check that could not be made, with what to try. */
export function failedFinding(what: string, error: unknown): Finding {
  const hint = error instanceof Error && "hint" in error && typeof error.hint === "string" ? `. Try: ${error.hint}` : "";
  return { what, ok: false, text: messageOf(error) + hint };
}
