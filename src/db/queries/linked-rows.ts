import type Database from "better-sqlite3";
import { alignedRows } from "./aligned-rows.ts";
import type { LinkedRow } from "./export-rows.ts";
import { rejectedAlong } from "./rejected-along.ts";
import { rowsInOrder } from "./rows-in-order.ts";

type LinkTuple = [
  place: number,
  rowId: string,
  promptKey: string,
  source: string,
  chosenScore: number | null,
  margin: number | null,
  agreement: number | null,
];
type PromptTuple = [place: number, promptKey: string, prompt: string, hasReferences: 0 | 1];

/** Prompts read in one go, and kept: they have no limit in size. */
const PROMPTS_AHEAD = 32;

/** Every linked row of a pair set, in the order in which links lie. Between two of them the connection may be written on. */
export function* linkedRows(client: Database.Database, pairSet: string): Generator<LinkedRow> {
  const page = client
    .prepare<[string, number, number], LinkTuple>(
      `select rowid, row_id, prompt_key, source, chosen_score, margin, agreement from preferences
      where +pair_set = ? and rowid > ? order by rowid limit ?`,
    )
    .raw();
  const promptOf = promptsAlong(client);
  const rejectedOf = rejectedAlong(client, pairSet);
  for (const row of rowsInOrder((after, count) => page.all(pairSet, after, count))) {
    const [place, rowId, promptKey, source, chosenScore, margin, agreement] = row;
    const [, , prompt, hasReferences] = promptOf(promptKey);
    const rejected = rejectedOf(rowId);
    let [rejectedLow, rejectedHigh]: [number | null, number | null] = [null, null];
    for (const { score } of rejected) {
      if (score === null || !Number.isFinite(score)) continue;
      if (rejectedLow === null || score < rejectedLow) rejectedLow = score;
      if (rejectedHigh === null || score > rejectedHigh) rejectedHigh = score;
    }
    const scores = { chosenScore, rejectedScore: rejected[0]?.score ?? null, rejectedLow, rejectedHigh };
    yield { place, rowId, prompt, source, ...scores, margin, agreement, hasReferences };
  }
}

function promptsAlong(client: Database.Database): (promptKey: string) => PromptTuple {
  const columns = "select rowid, prompt_key, prompt, reference_files <> '{}' from prompts";
  const page = client.prepare<[number, number], PromptTuple>(`${columns} where rowid > ? order by rowid limit ?`).raw();
  const one = client.prepare<[string], PromptTuple>(`${columns} where prompt_key = ?`).raw();
  const find = alignedRows(
    rowsInOrder((after, count) => page.all(after, count), PROMPTS_AHEAD),
    {
      keyOf: ([, promptKey]) => promptKey,
      lookUp: (promptKey) => one.get(promptKey),
      aheadRows: PROMPTS_AHEAD,
      keptRows: PROMPTS_AHEAD,
    },
  );
  let last: PromptTuple | undefined;
  return (promptKey) => {
    if (last?.[1] !== promptKey) last = find(promptKey);
    if (last === undefined) throw new Error(`the prompt ${promptKey} left the snapshot`);
    return last;
  };
}
