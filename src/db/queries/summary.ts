import type { Db } from "../open.ts";

/** The dataset's candidates by what became of them: planned = pending + stored + rejected + failed, at every moment. */
export interface Summary {
  readonly planned: number;
  readonly pending: number;
  /** Every image that the job listed is stored. */
  readonly stored: number;
  /** One or more of its images are finally rejected. */
  readonly rejected: number;
  readonly failed: number;
  /** Stored images. */
  readonly images: number;
}

export interface ReasonCount {
  readonly what: "job" | "image";
  readonly reason: string;
  readonly count: number;
  /** One of the details, as an example. */
  readonly example: string | null;
}

/** One scan of jobs and images; candidates that the configuration no longer asks for are left out. */
export function summarize({ client }: Pick<Db, "client">): Summary {
  const jobs = client
    .prepare<[], Omit<Summary, "pending" | "images">>(
      `select count(*) as planned, coalesce(sum(state = 'failed'), 0) as failed,
        coalesce(sum(state = 'done' and exists (select 1 from images where images.job = jobs.job and images.state = 'rejected')), 0) as rejected,
        coalesce(sum(state = 'done' and not exists (select 1 from images where images.job = jobs.job and images.state in ('listed', 'rejected'))), 0) as stored
      from jobs where aside = 0`,
    )
    .get() ?? { planned: 0, failed: 0, rejected: 0, stored: 0 };
  const images = client.prepare<[], number>(`select count(*) from images where state = 'stored'`).pluck().get() ?? 0;
  return { ...jobs, images, pending: jobs.planned - jobs.stored - jobs.rejected - jobs.failed };
}

/** Failures of jobs and rejections of images, by reason, most first; images that were taken out or pruned likewise. */
export function countReasons({ client }: Pick<Db, "client">): readonly ReasonCount[] {
  return client
    .prepare<[], ReasonCount>(
      `select 'job' as what, reason, count(*) as count, min(detail) as example from jobs where state = 'failed' and aside = 0 group by reason
      union all
      select 'image', reason, count(*), min(detail) from images where state in ('rejected', 'excluded') and reason is not null group by reason
      order by count desc, reason`,
    )
    .all();
}

/** True while an image waits to be harvested. */
export function anyListed({ client }: Pick<Db, "client">): boolean {
  return client.prepare(`select 1 from images where state = 'listed' limit 1`).get() !== undefined;
}
