import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { posix } from "node:path";
import PQueue from "p-queue";
import type { ComfyClient } from "../../../comfy/client/client.ts";
import type { SubmittedJob } from "../../../db/queries/jobs/jobs.ts";
import type { ReferenceQueries } from "../../../db/queries/plan/references.ts";
import { isAbort, messageOf, RejectError, TransientError } from "../../../errors.ts";
import { uploadedNameOf } from "../../../identity.ts";
import { isJsonObject, parseExact } from "../../../lib/exact-json.ts";

/** Files in memory at a time, each at most 100 MiB, one a server: one that hangs takes one place, not all. */
const CONCURRENCY = 8;
/** An upload may take so long, ms, and as much more as the slowest connection needs. A connection that hangs says nothing by itself. */
const UPLOAD_BASE_MS = 60_000;
const SLOWEST_BYTES_PER_S = 64 * 1024;
/** Files remembered per server; the first of more is sent again when it is needed. */
const REMEMBERED_MAX = 10_000;

type UploadingJob = Pick<SubmittedJob, "references" | "job" | "attempt">;
type Server = Pick<ComfyClient, "url" | "uploadImage">;

/** Brings the images that jobs load to the servers, before the jobs. */
export interface Uploads {
  /**
   * Resolves once every image of the job is at the server. Each is sent once in a server's life; jobs that need it at the same time wait
   * for one request.
   * @throws {RejectError} "reference-changed": the file is not the planned one, no server can help. "upload-refused": this server does not
   * take it or calls it otherwise, another may. @throws TransientError, FatalError as the client does.
   */
  ensure(job: UploadingJob, server: Server, signal: AbortSignal): Promise<void>;
  /** The server restarted, or was away: a container's disk is new then. */
  forget(url: string): void;
  /**
   * The server could not use the job. True if an image of it was believed there for an earlier job, and may be gone: the next job sends it
   * again.
   */
  mistrust(job: UploadingJob, url: string): boolean;
}

interface Sent {
  /** The job's attempt that it was sent for. Not its prompt_id: servers may give another one later. */
  readonly sentFor: string;
  readonly done: Promise<void>;
  /** A job found it gone. Kept: jobs that were sent beside that one relied on it, too. */
  isDoubted: boolean;
}

interface ServerUploads {
  /** Keyed by SHA-256. */
  readonly sent: Map<string, Sent>;
  readonly queue: PQueue;
}

export function createUploads(references: Pick<ReferenceQueries, "find" | "pathsOf">): Uploads {
  const all = new PQueue({ concurrency: CONCURRENCY });
  const servers = new Map<string, ServerUploads>();

  const serverAt = (url: string): ServerUploads => {
    const found = servers.get(url) ?? { sent: new Map<string, Sent>(), queue: new PQueue({ concurrency: 1 }) };
    servers.set(url, found);
    return found;
  };

  async function send(sha256: string, server: Server, signal: AbortSignal): Promise<void> {
    const known = references.find(sha256);
    if (known === undefined) throw new Error(`a prompt names the image ${sha256}, of which the plan knows nothing`);
    const bytes = await readPlanned(sha256, known.bytes, references.pathsOf(sha256));
    const wanted = posix.parse(uploadedNameOf(sha256, known.extension));
    // Not overwriting: a job that runs there may be reading the file, and equal content is not written again anyhow.
    const upload = { bytes, filename: wanted.base, subfolder: wanted.dir, overwrite: false, type: "input" } as const;
    const deadline = AbortSignal.timeout(UPLOAD_BASE_MS + Math.ceil((bytes.length / SLOWEST_BYTES_PER_S) * 1_000));
    const { name, subfolder } = await server.uploadImage(upload, AbortSignal.any([signal, deadline])).catch((error: unknown) => {
      if (!deadline.aborted || signal.aborted || !isAbort(error)) throw error;
      throw new TransientError(`Cannot upload ${upload.subfolder}/${upload.filename} to ${server.url}: it did not take it in time`);
    });
    if (name === wanted.base && subfolder === wanted.dir) return;
    const place = `${wanted.dir}/${wanted.base}`;
    throw new RejectError(
      "upload-refused",
      `Cannot use the upload of ${place}: ${server.url} stored it as ${JSON.stringify(posix.join(subfolder, name))}, so another file has its name there`,
      { hint: `delete input/${place} there: it is damaged, most likely cut short` },
    );
  }

  function ensureOne(
    sha256: string,
    { job, server, signal }: { readonly job: UploadingJob; readonly server: Server; readonly signal: AbortSignal },
  ): Promise<void> {
    const { sent, queue } = serverAt(server.url);
    const known = sent.get(sha256);
    if (known?.isDoubted === false) return known.done;
    const done = queue.add(() => all.add(() => send(sha256, server, signal)));
    const entry: Sent = { sentFor: attemptOf(job), done, isDoubted: false };
    sent.set(sha256, entry);
    if (sent.size > REMEMBERED_MAX) sent.delete(sent.keys().next().value ?? "");
    // Whoever needs it next tries again. Those who wait for it now get the error from `done` itself.
    done.catch(() => sent.get(sha256) === entry && sent.delete(sha256));
    return done;
  }

  return {
    async ensure(job, server, signal) {
      await Promise.all(hashesOf(job).map((sha256) => ensureOne(sha256, { job, server, signal })));
    },
    forget: (url) => void servers.delete(url),
    mistrust(job, url) {
      const { sent } = serverAt(url);
      const entries = hashesOf(job).flatMap((sha256) => sent.get(sha256) ?? []);
      const doubtful = entries.filter(({ sentFor }) => sentFor !== attemptOf(job));
      for (const entry of doubtful) entry.isDoubted = true;
      return doubtful.length > 0;
    },
  };
}

const attemptOf = ({ job, attempt }: UploadingJob): string => `${job} ${attempt}`;

function hashesOf({ references }: UploadingJob): readonly string[] {
  if (references === "{}") return [];
  const named = parseExact(references);
  const hashes = isJsonObject(named) ? Object.values(named).filter((sha256) => typeof sha256 === "string") : [];
  return [...new Set(hashes)];
}

/** The image's bytes, from whichever of its files still has them. */
async function readPlanned(sha256: string, sizeBytes: number, paths: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const why: string[] = [];
  for (const path of paths) {
    try {
      // Before it is read: a file may have grown beyond any memory.
      const bytes = (await stat(path)).size === sizeBytes ? await readFile(path) : null;
      if (bytes !== null && createHash("sha256").update(bytes).digest("hex") === sha256) return bytes;
      why.push(`${path} has other content than when it was planned`);
    } catch (error) {
      why.push(messageOf(error));
    }
  }
  throw new RejectError("reference-changed", `Cannot send a reference image: ${why.join("; ") || "no file of the plan has it any more"}`, {
    hint: "put the file back and retry, or leave it: the next run plans anew with what is there",
  });
}
