import { promptsError } from "./prompts-error.ts";
import { utf8Text } from "./utf8-text.ts";
import { MIB } from "../lib/units.ts";

/** Far beyond any prompt, characters. A longer line is another format, and would have to be held in memory whole. */
const LINE_MAX = 16 * MIB;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end, LF or CR LF. */
  readonly text: string;
}

/** The lines of a text file, empty ones (only white space) left out. */
export async function* linesOf(file: string, options: { readonly gzip: boolean }): AsyncGenerator<Line, void, undefined> {
  let number = 0;
  let rest = "";
  for await (const chunk of utf8Text(file, options)) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      const line = rest + chunk.slice(start, end);
      rest = "";
      start = end + 1;
      number++;
      if (!isEmpty(line)) yield { number, text: withoutReturn(line) };
    }
    rest += chunk.slice(start);
    if (rest.length > LINE_MAX) throw promptsError(file, `line ${number + 1} is longer than ${LINE_MAX / 1024 / 1024} million characters`);
  }
  if (!isEmpty(rest)) yield { number: number + 1, text: withoutReturn(rest) };
}

function isEmpty(line: string): boolean {
  return line === "" || line === "\r" || line.trim() === "";
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
