import { createHash } from "node:crypto";
import { join } from "node:path";
import { openDatabase } from "../../../src/db/open.ts";
import { s3Store } from "../../../src/stores/s3/s3.ts";
import type { BenchProject } from "../bench-project.ts";
import type { FileChecksum } from "../emulators.ts";

export interface Audit {
  readonly checked: number;
  /** Other bytes than the server's file has, or than the database says. */
  readonly bad: number;
  /** Objects that no stored image names. */
  readonly strange: number;
}

export interface AuditOptions {
  readonly project: BenchProject;
  readonly uri: string;
  /** Of the store itself, without anything that fails in front of it. */
  readonly endpoint: string;
  readonly truth: readonly FileChecksum[];
}

interface Row {
  readonly job: string;
  readonly key: string;
  readonly sha256: string;
}

const CONCURRENCY = 16;

/** Reads every object of a store and compares it with what the servers would have sent without faults. */
export async function auditStore({ project, uri, endpoint, truth }: AuditOptions): Promise<Audit> {
  const filesOf = new Map<string, Set<string>>();
  for (const { job, sha256 } of truth) filesOf.set(job, (filesOf.get(job) ?? new Set()).add(sha256));
  const rows = storedRows(project);
  const store = await s3Store({ uri, endpoint, concurrency: CONCURRENCY });
  let bad = 0;
  let strange = 0;
  const waiting = [...rows];
  const check = async (): Promise<void> => {
    for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
      const hash = createHash("sha256");
      for await (const chunk of (await store.get(row.key)) ?? []) hash.update(chunk as Buffer); // Without an encoding a stream yields Buffers.
      const sha256 = hash.digest("hex");
      if (sha256 !== row.sha256 || filesOf.get(row.job)?.has(sha256) !== true) bad++;
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, check));
    const keys = new Set(rows.map(({ key }) => key));
    for await (const { key } of store.list("images/")) if (!keys.has(key)) strange++;
  } finally {
    await store.close();
  }
  return { checked: rows.length, bad, strange };
}

function storedRows(project: BenchProject): readonly Row[] {
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    return db.client.prepare<[], Row>("select job, key, sha256 from images where state = 'stored'").all();
  } finally {
    db.close();
  }
}
