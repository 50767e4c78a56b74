import type Database from "better-sqlite3";
import type { LinkedRow } from "../export/row-records.ts";
import { tableReads, type TableReads, readInOrder, promptCursor, rejectedCursor } from "../export/merge-cursor.ts";

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

/** Every linked row of a pair set, in the order in which links lie. Between two of them the connection may be written on. */
export function* linkedRows(client: Database.Database, pairSet: string): Generator<LinkedRow> {
  const page = client
    .prepare<[string, number, number], LinkTuple>(
      `select place, row_id, prompt_key, source, chosen_score, margin, agreement from preferences
      where +pair_set = ? and place > ? order by place limit ?`,
    )
    .raw();
  const promptOf = promptCursor(promptReads(client));
  const rejectedOf = rejectedCursor(client);
  for (const row of readInOrder((after, count) => page.all(pairSet, after, count))) {
    const [place, rowId, promptKey, source, chosenScore, margin, agreement] = row;
    const [, , prompt, hasReferences] = promptOf(promptKey);
    const rejected = rejectedOf(place);
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

function promptReads(client: Database.Database): TableReads<PromptTuple> {
  const columns = "select rowid, prompt_key, prompt, reference_files <> '{}' from prompts";
  const page = client.prepare<[number, number], PromptTuple>(`${columns} where rowid > ? order by rowid limit ?`).raw();
  const one = client.prepare<[string], PromptTuple>(`${columns} where prompt_key = ?`).raw();
  return tableReads(page, one);
}
