import { eq } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { images, jobs } from "../../schema/tables.ts";

/** Selects the failures to put back; null means all. */
export interface RetryFilter {
  readonly reason: string | null;
  /** A job or an image_id. */
  readonly id: string | null;
  readonly variant: string | null;
}

/** SQL: the column names the variant, or one that its name expands to: `sweep` for `sweep/cfg=7`. */
const isOfVariant = (column: string): string =>
  `(@variant is null or ${column} = @variant or substr(${column}, 1, length(@variant) + 1) = @variant || '/')`;
const FAILED_JOBS = `jobs.state = 'failed' and (@reason is null or jobs.reason = @reason) and (@id is null or jobs.job = @id) and ${isOfVariant("jobs.variant")}`;
const REJECTED_IMAGES = `images.state = 'rejected' and (@reason is null or images.reason = @reason)
  and (@id is null or images.image_id = @id or images.job = @id)
  and exists (select 1 from jobs as made where made.job = images.job and ${isOfVariant("made.variant")})`;

/** Puts failed jobs back to planned, and quarantined variants with them. Returns how many jobs. */
export function retryJobs({ client }: Pick<Db, "client">, filter: RetryFilter): number {
  return client
    .transaction(() => {
      client
        .prepare(
          `update variants set state = 'active', reason = null where state = 'quarantined'
          and exists (select 1 from jobs where jobs.variant = variants.variant and ${FAILED_JOBS})`,
        )
        .run(filter);
      // What servers said before counts no more: the person has changed something.
      client
        .prepare(
          `delete from job_failures where job in
          (select job from jobs where ${FAILED_JOBS})`,
        )
        .run(filter);
      return client
        .prepare(
          `update jobs set state = 'planned', reason = null, detail = null, failures = 0
          where ${FAILED_JOBS}`,
        )
        .run(filter).changes;
    })
    .immediate();
}

/** True if there is a job or an image of this name. */
export function isKnownId({ orm }: Pick<Db, "orm">, id: string): boolean {
  const job = orm.select({ id: jobs.job }).from(jobs).where(eq(jobs.job, id)).get();
  return (job ?? orm.select({ id: images.imageId }).from(images).where(eq(images.imageId, id)).get()) !== undefined;
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

/** Runs the jobs of rejected images again, and resumes variants that were paused over them. Returns how many jobs. */
export function retryImages({ client }: Pick<Db, "client">, filter: RetryFilter): number {
  return client
    .transaction(() => {
      client
        .prepare(
          `update variants set state = 'active', reason = null where state = 'paused' and ((@variant is not null and ${isOfVariant("variant")}) or exists (
            select 1 from images join jobs using (job) where jobs.variant = variants.variant and ${REJECTED_IMAGES}))`,
        )
        .run(filter);
      const changes = client
        .prepare(
          `update jobs set state = 'planned', reason = null, detail = null, failures = 0 where state = 'done' and job in
          (select job from images where ${REJECTED_IMAGES})
          and adopted = 0`,
        )
        .run(filter).changes;
      client
        .prepare(
          `delete from images where ${REJECTED_IMAGES}
          and not exists (select 1 from jobs where jobs.job = images.job and adopted = 1)`,
        )
        .run(filter);
      return changes;
    })
    .immediate();
}
