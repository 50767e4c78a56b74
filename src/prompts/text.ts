import { type PromptSource, emptyFields, ONLY_COLUMN } from "./prompt-source.ts";
import { linesOf } from "./utf8-text.ts";

/**
 * `.txt`: one prompt a line, taken as it stands. A CR within a line ends it, too: files that were put together end their lines in several
 * ways.
 */
export function textSource(file: string, { gzip }: { readonly gzip: boolean }): Promise<PromptSource> {
  return Promise.resolve({
    columns: [ONLY_COLUMN],
    unit: "line",
    async *rows() {
      for await (const { number, text } of linesOf(file, { gzip })) {
        for (const prompt of text.split("\r")) {
          if (prompt.trim() === "") continue;
          const fields = emptyFields();
          fields[ONLY_COLUMN] = prompt;
          yield { position: number, fields };
        }
      }
    },
  });
}
