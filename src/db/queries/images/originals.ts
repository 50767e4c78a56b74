import { and, eq, sql } from "../../drizzle.ts";
import type { Db } from "../../open.ts";
import { images, jobs } from "../../schema/tables.ts";

/** A stored image whose original may still be at its server. */
export interface StoredOriginal {
  readonly imageId: string;
  readonly job: string;
  readonly server: string;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
  /** Hash of the stored file. */
  readonly sha256: string;
}

/** Prepares what reclaiming asks of the database. */
export function originalQueries({ orm }: Pick<Db, "orm">) {
  const { imageId, job, server, filename, subfolder, type } = images;
  const storedFrom = orm
    .select({ imageId, job, server, filename, subfolder, type, sha256: sql<string>`${images.sha256}` })
    .from(images)
    .where(and(eq(job, sql.placeholder("job")), eq(filename, sql.placeholder("filename")), eq(type, "output"), eq(images.state, "stored")))
    .prepare();
  const anySubmitted = orm.select({ job: jobs.job }).from(jobs).where(eq(jobs.state, "submitted")).limit(1).prepare();

  return {
    /** The stored image that a job's file became. */
    storedFrom: (of: string, name: string): StoredOriginal | undefined => storedFrom.get({ job: of, filename: name }),
    /** True while some server may be writing a file of ours. */
    anySubmitted: (): boolean => anySubmitted.get() !== undefined,
  };
}
