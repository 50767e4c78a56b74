import { emptyFields, ONLY_COLUMN } from "./fields.ts";
import { linesOf } from "./lines.ts";
import type { PromptSource } from "./prompt-source.ts";

/** `.txt`: one prompt a line, taken as it stands. */
export function textSource(file: string, { gzip }: { readonly gzip: boolean }): Promise<PromptSource> {
  return Promise.resolve({
    columns: [ONLY_COLUMN],
    unit: "line",
    async *rows() {
      for await (const { number, text } of linesOf(file, { gzip })) {
        const fields = emptyFields();
        fields[ONLY_COLUMN] = text;
        yield { position: number, fields };
      }
    },
  });
}
