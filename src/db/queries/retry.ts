import type { Db } from "../open.ts";

/** Which failures to put back; null means all. */
export interface RetryFilter {
  readonly reason: string | null;
  /** A job or an image_id. */
  readonly id: string | null;
}

/** Puts failed jobs back to planned, and quarantined variants with them. Answers how many jobs. */
export function retryJobs({ client }: Pick<Db, "client">, { reason, id }: RetryFilter): number {
  return client
    .transaction(() => {
      client
        .prepare(
          `update variants set state = 'active', reason = null where state = 'quarantined'
          and exists (select 1 from jobs where jobs.variant = variants.variant and state = 'failed' and (@reason is null or reason = @reason) and (@id is null or job = @id))`,
        )
        .run({ reason, id });
      return client
        .prepare(
          `update jobs set state = 'planned', reason = null, detail = null, failures = 0
          where state = 'failed' and (@reason is null or reason = @reason) and (@id is null or job = @id)`,
        )
        .run({ reason, id }).changes;
    })
    .immediate();
}

/** Runs the jobs of rejected images again. Answers how many jobs. */
export function retryImages({ client }: Pick<Db, "client">, { reason, id }: RetryFilter): number {
  return client
    .transaction(() => {
      const changes = client
        .prepare(
          `update jobs set state = 'planned', reason = null, detail = null, failures = 0 where state = 'done' and job in
          (select job from images where state = 'rejected' and (@reason is null or reason = @reason) and (@id is null or image_id = @id or job = @id))`,
        )
        .run({ reason, id }).changes;
      client
        .prepare(
          `delete from images where state = 'rejected' and (@reason is null or reason = @reason) and (@id is null or image_id = @id or job = @id)`,
        )
        .run({ reason, id });
      return changes;
    })
    .immediate();
}
