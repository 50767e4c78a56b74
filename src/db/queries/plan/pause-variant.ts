import type { RejectReason } from "../../../errors.ts";
import { and, eq, sql } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { jobs, variants } from "../../schema/tables.ts";

export interface PausingRule {
  /** Number of images, the first of their variant, that must all be rejected for one reason. */
  readonly images: number;
  /** One of the details, for people. */
  readonly detail: string;
}

export interface Paused {
  readonly images: number;
  readonly reason: RejectReason;
  /** Candidates that now wait. */
  readonly waiting: number;
}

/** Paused just now; `too-few` images to decide; `settled`: an image was accepted, or the reasons differ. */
export type PauseVerdict = Paused | "too-few" | "settled";

export type PauseQueries = ReturnType<typeof pauseQueries>;

/** The statements that pause a variant of which no image is accepted, prepared once. */
export function pauseQueries({ client, orm }: Pick<Db, "client" | "orm">) {
  const named = eq(variants.variant, sql.placeholder("variant"));
  const find = orm.select({ state: variants.state }).from(variants).where(named).prepare();
  const refused = client.prepare<[string], { reason: RejectReason; count: number }>(`
    select images.reason, count(*) as count from images join jobs using (job)
    where images.state = 'rejected' and jobs.variant = ? group by images.reason`);
  // Excluded images were stored once.
  const anyAccepted = client.prepare<[string]>(`
    select 1 from jobs join images using (job) where jobs.variant = ? and images.state in ('stored', 'excluded') limit 1`);
  const pause = orm
    .update(variants)
    .set({ state: "paused", reason: sql`${sql.placeholder("reason")}` })
    .where(named)
    .prepare();
  const countWaiting = orm
    .select({ count: sql<number>`count(*)` })
    .from(jobs)
    .where(and(eq(jobs.variant, sql.placeholder("variant")), eq(jobs.state, "planned"), eq(jobs.inactive, 0)))
    .prepare();

  const pauseIfRefused = client.transaction((variant: string, { images, detail }: PausingRule): PauseVerdict => {
    if (find.get({ variant })?.state !== "active") return "too-few";
    const [first, ...others] = refused.all(variant);
    if (first === undefined || [first, ...others].reduce((sum, { count }) => sum + count, 0) < images) return "too-few";
    if (others.length > 0 || anyAccepted.get(variant) !== undefined) return "settled";
    pause.run({ variant, reason: `${first.reason}: ${detail}` });
    return { images: first.count, reason: first.reason, waiting: countWaiting.get({ variant })?.count ?? 0 };
  });

  return {
    /** Pauses the variant where its first images were all rejected for one reason and none was stored. One transaction. */
    pauseIfRefused: (variant: string, rule: PausingRule) => pauseIfRefused.immediate(variant, rule),
  };
}
