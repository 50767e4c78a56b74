import { eq } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { images } from "../../schema/tables.ts";

/** The dataset's candidates by what became of them: planned = pending + stored + rejected + failed, at every moment. */
export interface Summary {
  readonly planned: number;
  readonly pending: number;
  /** Every image that the job listed is stored, or was taken out since (excluded, pruned). */
  readonly stored: number;
  /** One or more of its images are finally rejected. */
  readonly rejected: number;
  readonly failed: number;
  /** Stored images. */
  readonly images: number;
}

export interface ReasonCount {
  readonly what: "job" | "image";
  readonly state: "failed" | "rejected" | "excluded";
  readonly reason: string;
  readonly count: number;
  /** One of the details, as an example. */
  readonly example: string | null;
}

/**
 * Counts in the indexes of states; looks at single jobs only where one of their images is not stored. Candidates set aside are left out.
 */
export function summarize({ client }: Pick<Db, "client">): Summary {
  const byState = new Map(
    client
      .prepare<[], { state: string; count: number }>(`select state, count(*) as count from jobs where inactive = 0 group by state`)
      .all()
      .map(({ state, count }) => [state, count]),
  );
  const { rejected, open } = client
    .prepare<[], { rejected: number; open: number }>(
      `select coalesce(sum(is_rejected), 0) as rejected, coalesce(sum(1 - is_rejected), 0) as open from (
        select job, max(images.state = 'rejected') as is_rejected from images join jobs using (job)
        where images.state in ('listed', 'rejected') and jobs.state = 'done' and jobs.inactive = 0 group by job)`,
    )
    .get() ?? { rejected: 0, open: 0 };
  const planned = byState.values().reduce((sum, count) => sum + count, 0);
  const failed = byState.get("failed") ?? 0;
  const stored = (byState.get("done") ?? 0) - rejected - open;
  const imageCount = client.prepare<[], number>(`select count(*) from images where state = 'stored'`).pluck().get() ?? 0;
  return { planned, failed, rejected, stored, images: imageCount, pending: planned - stored - rejected - failed };
}

/** Failures of jobs and rejections of images, by reason, most first; images that were taken out or pruned likewise. */
export function countReasons({ client }: Pick<Db, "client">): readonly ReasonCount[] {
  return client
    .prepare<[], ReasonCount>(
      `select 'job' as what, state, reason, count(*) as count, min(detail) as example from jobs where state = 'failed' and inactive = 0 group by reason
      union all
      select 'image', state, reason, count(*), min(detail) from images where state in ('rejected', 'excluded') and reason is not null group by state, reason
      order by count desc, reason`,
    )
    .all();
}

/** True while an image waits to be harvested. */
export function anyListed({ orm }: Pick<Db, "orm">): boolean {
  return orm.select({ imageId: images.imageId }).from(images).where(eq(images.state, "listed")).limit(1).get() !== undefined;
}
