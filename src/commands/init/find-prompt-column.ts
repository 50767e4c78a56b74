import { openPromptSource } from "../../prompts/registry.ts";

/** How files of prompts name their text, most usual first. */
const USUAL_NAMES: readonly string[] = ["prompt", "text", "caption"];

/** The column or key that most likely holds the prompts; undefined where the file names none of the usual ones. */
export async function findPromptColumn(file: string): Promise<string | undefined> {
  const source = await openPromptSource(file);
  const columns = source.columns ?? (await firstKeys(source));
  return USUAL_NAMES.flatMap((usual) => columns.filter((column) => column.toLowerCase() === usual))[0];
}

async function firstKeys(source: Awaited<ReturnType<typeof openPromptSource>>): Promise<readonly string[]> {
  for await (const { fields } of source.rows({ columns: USUAL_NAMES })) return Object.keys(fields);
  return [];
}
