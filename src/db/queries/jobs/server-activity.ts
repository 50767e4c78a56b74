import { eq, sql } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { jobs } from "../../schema/tables.ts";

/** The work of a server, counted from its jobs. */
export interface ServerActivity {
  /** Jobs that ended well there, since `sinceMs`. */
  readonly doneLately: number;
  readonly done: number;
  /** Failures of jobs there, forgiven ones included. */
  readonly errors: number;
  readonly out: number;
}

/** Counts what a server has done, is doing and has failed at. */
export function serverActivity({ client }: Pick<Db, "client">, url: string, sinceMs: number): ServerActivity {
  const counts = client
    .prepare<[{ url: string; sinceMs: number }], Omit<ServerActivity, "errors">>(
      `select coalesce(sum(state = 'done' and finished_at_ms >= @sinceMs), 0) as doneLately, coalesce(sum(state = 'done'), 0) as done,
      coalesce(sum(state = 'submitted'), 0) as out from jobs where server = @url and state in ('done', 'submitted')`,
    )
    .get({ url, sinceMs });
  const errors = client.prepare<[string], number>(`select count(*) from job_failures where server = ?`).pluck().get(url);
  return { doneLately: 0, done: 0, out: 0, ...counts, errors: errors ?? 0 };
}

/** Returns which of these prompt_ids are ours. */
export function ownPromptIds({ orm }: Pick<Db, "orm">, promptIds: readonly string[]): ReadonlySet<string> {
  const find = orm
    .select({ job: jobs.job })
    .from(jobs)
    .where(eq(jobs.promptId, sql.placeholder("promptId")))
    .prepare();
  return new Set(promptIds.filter((promptId) => find.get({ promptId }) !== undefined));
}
