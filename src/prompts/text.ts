import { emptyFields, ONLY_COLUMN } from "./fields.ts";
import { linesOf } from "./lines.ts";
import type { PromptSource } from "./prompt-source.ts";

/** `.txt`: one prompt a line, taken as it stands. A CR within a line ends it, too: files that were put together end their lines in several ways. */
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
