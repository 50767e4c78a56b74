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
      // What servers said before counts no more: the person has changed something.
      client
        .prepare(
          `delete from job_failures where job in
          (select job from jobs where state = 'failed' and (@reason is null or reason = @reason) and (@id is null or job = @id))`,
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

/** True if there is a job or an image of this name. */
export function isKnownId({ client }: Pick<Db, "client">, id: string): boolean {
  return client.prepare(`select 1 from jobs where job = @id union all select 1 from images where image_id = @id`).get({ id }) !== undefined;
}

/**
 * Has one stored image fetched from its server again, and made again where the server no longer has it: for a file that the store has
 * lost. What was seen, scored and linked of it is forgotten, because another run may give other pixels; votes stay. An adopted image can
 * only be adopted again: until then it is rejected.
 */
export function fetchAgain({ client }: Pick<Db, "client">, imageId: string): void {
  const statements = [
    `update images set state = 'rejected', reason = 'lost-file', detail = 'adopted, and lost in the store: adopt its source again'
      where image_id = @imageId and state = 'stored' and exists (select 1 from jobs where jobs.job = images.job and adopted = 1)`,
    `update images set state = 'listed', reason = null, detail = null, bad_fetches = 0 where image_id = @imageId and state = 'stored'`,
    `update jobs set failures = 0 where job = (select job from images where image_id = @imageId)`,
    `delete from inspections where image_id = @imageId`,
    `delete from scores where image_id = @imageId`,
    // Of its prompt alone: links have no index of images.
    `delete from preferences where prompt_key = (select prompt_key from images where image_id = @imageId) and (chosen = @imageId or exists (
      select 1 from preference_rejected as r where r.place = preferences.place and r.image_id = @imageId))`,
  ].map((sql) => client.prepare<{ imageId: string }>(sql));
  client
    .transaction(() => {
      for (const statement of statements) statement.run({ imageId });
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
          (select job from images where state = 'rejected' and (@reason is null or reason = @reason) and (@id is null or image_id = @id or job = @id))
          and adopted = 0`,
        )
        .run({ reason, id }).changes;
      client
        .prepare(
          `delete from images where state = 'rejected' and (@reason is null or reason = @reason) and (@id is null or image_id = @id or job = @id)
          and not exists (select 1 from jobs where jobs.job = images.job and adopted = 1)`,
        )
        .run({ reason, id });
      return changes;
    })
    .immediate();
}
