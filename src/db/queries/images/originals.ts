import type { Db } from "../../open.ts";

/** A stored image whose original may still be at its server. */
export interface StoredOriginal {
  readonly imageId: string;
  readonly job: string;
  readonly server: string;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
  /** Of what is stored. */
  readonly sha256: string;
}

/** What reclaiming asks of the database. */
export function originalQueries({ client }: Pick<Db, "client">) {
  const ofJob = client.prepare<[string, string], StoredOriginal>(`
    select image_id as imageId, job, server, filename, subfolder, type, sha256 from images
    where job = ? and filename = ? and type = 'output' and state = 'stored'`);
  const anySubmitted = client.prepare(`select 1 from jobs where state = 'submitted' limit 1`);

  return {
    /** The stored image that a job's file became. */
    storedFrom: (job: string, filename: string) => ofJob.get(job, filename),
    /** True while some server may be writing a file of ours. */
    anySubmitted: () => anySubmitted.get() !== undefined,
  };
}
