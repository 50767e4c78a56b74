import { DepthError, refuseDepth } from "../lib/exact-json.ts";
import { jsonErrorPosition } from "../lib/json-error-position.ts";
import { type PromptSource, promptsError, fieldsOfJson } from "./prompt-source.ts";
import { linesOf } from "./utf8-text.ts";

/** `.jsonl`: an object a line, or a bare string. */
export function jsonlSource(file: string, { gzip }: { readonly gzip: boolean }): Promise<PromptSource> {
  return Promise.resolve({
    columns: null,
    unit: "line",
    async *rows() {
      for await (const { number, text } of linesOf(file, { gzip })) {
        const given = fieldsOfJson(parseLine(text, { file, number }));
        if (given === undefined) throw promptsError(file, `line ${number} is neither an object nor a string`, { hint: hintFor(text) });
        yield { position: number, ...given };
      }
    },
  });
}

function parseLine(text: string, { file, number }: { readonly file: string; readonly number: number }): unknown {
  try {
    refuseDepth(text);
    const value: unknown = JSON.parse(text);
    if (!holdsNumbers(value)) return value;
    // Once more, keeping each number as it is written; six times slower, so only where there are any.
    return JSON.parse(text, (_key, item, { source }) => (typeof item === "number" && source !== undefined ? JSON.rawJSON(source) : item));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    if (error instanceof DepthError) throw promptsError(file, `line ${number}: ${error.message}`, { cause: error });
    const { column, expected } = jsonErrorPosition(text);
    throw promptsError(file, `line ${number} is no JSON at column ${column}: expected ${expected}`, {
      hint: hintFor(text),
      cause: error,
    });
  }
}

function hintFor(text: string): string {
  return text.trimStart().startsWith("[") ? "a JSON array goes into a .json file" : "each line is a JSON object of its own";
}

/** True if a number may stand in it: at the top, or somewhere inside a list or object. */
function holdsNumbers(value: unknown): boolean {
  if (typeof value === "number") return true;
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).some((item) => typeof item === "number" || (typeof item === "object" && item !== null))
  );
}
