import { type KeyedRow, type RowReads, rowsAlong } from "./rows-along.ts";

/** Prompts read in one go, and kept: they have no limit in size. */
const PROMPTS_AHEAD = 32;

/** For one pass over rows in their order: the prompt of each. */
export function promptsAlong<Row extends KeyedRow>(reads: RowReads<Row>): (promptKey: string) => Row {
  const find = rowsAlong(reads, { pageRows: PROMPTS_AHEAD, aheadRows: PROMPTS_AHEAD, keptRows: PROMPTS_AHEAD });
  let last: Row | undefined;
  return (promptKey) => {
    if (last?.[1] !== promptKey) last = find(promptKey);
    if (last === undefined) throw new Error(`the prompt ${promptKey} left the snapshot`);
    return last;
  };
}
