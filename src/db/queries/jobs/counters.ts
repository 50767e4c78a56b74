import { sql } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { counters } from "../../schema/tables.ts";

/** Things that are counted because they leave no other row. */
export type CounterName =
  | "duplicate_prompts"
  | "empty_prompts"
  | "replaced_surrogates"
  | "ambiguous_submissions"
  | "lost_jobs"
  | "stalled_jobs"
  | "server_restarts"
  | "reclaimed_originals"
  | "unreclaimed_originals"
  | "judge_requests"
  | "judge_prompt_tokens"
  | "judge_completion_tokens";

/** Adds to a counter, which starts at 0. */
export function addToCounter(db: Db, name: CounterName, amount: number): void {
  db.orm
    .insert(counters)
    .values({ name, value: amount })
    .onConflictDoUpdate({ target: counters.name, set: { value: sql`${counters.value} + ${amount}` } })
    .run();
}

/** Sets a counter that each planning counts anew. */
export function setCounter(db: Db, name: CounterName, value: number): void {
  db.orm.insert(counters).values({ name, value }).onConflictDoUpdate({ target: counters.name, set: { value } }).run();
}

/** Returns all counters by name. */
export function readCounters(db: Db): Readonly<Record<string, number>> {
  return Object.fromEntries(
    db.orm
      .select()
      .from(counters)
      .all()
      .map((row) => [row.name, row.value]),
  );
}
