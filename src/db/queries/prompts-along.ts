import { alignedRows } from "./aligned-rows.ts";
import { rowsInOrder } from "./rows-in-order.ts";

/** Prompts read in one go, and kept: they have no limit in size. */
const PROMPTS_AHEAD = 32;

/** Where it lies, its key, and what else is wanted of it. */
export type PromptTuple = readonly [place: number, promptKey: string, ...columns: unknown[]];

interface PromptReads<Row> {
  /** The prompts after a place, at most so many. */
  readonly page: (afterPlace: number, count: number) => readonly Row[];
  readonly one: (promptKey: string) => Row | undefined;
}

/** For one pass over rows in their order: the prompt of each. */
export function promptsAlong<Row extends PromptTuple>({ page, one }: PromptReads<Row>): (promptKey: string) => Row {
  const options = { keyOf: ([, promptKey]: Row) => promptKey, lookUp: one, aheadRows: PROMPTS_AHEAD, keptRows: PROMPTS_AHEAD };
  const find = alignedRows(rowsInOrder(page, PROMPTS_AHEAD), options);
  let last: Row | undefined;
  return (promptKey) => {
    if (last?.[1] !== promptKey) last = find(promptKey);
    if (last === undefined) throw new Error(`the prompt ${promptKey} left the snapshot`);
    return last;
  };
}
