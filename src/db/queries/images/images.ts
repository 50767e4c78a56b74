import type { RejectReason } from "../../../errors.ts";
import type { Db } from "../../open.ts";

/** An image that a server has and the store has not, with what its job went through. */
export interface ListedImageRow {
  readonly imageId: string;
  readonly job: string;
  readonly variant: string;
  /** Values of the job's prompt by bound name, JSON object. */
  readonly bound: string;
  readonly promptId: string;
  readonly server: string;
  readonly nodeId: string;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
  /** Fetches in this attempt that gave a bad image. */
  readonly badFetches: number;
  /** Failures of the job that count, over all attempts. */
  readonly failures: number;
  /** 1: its server was told not to embed prompts. */
  readonly withoutMetadata: 0 | 1;
}

/** The columns of a stored image. */
export interface StoredImage {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  /** 1: no graph in the image says how it was made. */
  readonly unproven: 0 | 1;
  readonly storedAtMs: number;
}

/** A finished job whose history entry its server may forget. */
export interface HarvestedJob {
  readonly job: string;
  readonly promptId: string;
  readonly server: string;
}

export type ImageState = "listed" | "stored" | "rejected" | "excluded";

/** An image's row of one attempt: what a later attempt wrote meanwhile is left alone. */
type ImageKey = Pick<ListedImageRow, "imageId" | "promptId" | "job">;

export interface StoredEntry {
  readonly image: ImageKey;
  readonly stored: StoredImage;
}

export interface Rejection {
  readonly reason: RejectReason;
  readonly detail: string;
}

export interface Settled {
  /** No image of the job waits any more. */
  readonly jobComplete: boolean;
}

export type ImageQueries = ReturnType<typeof imageQueries>;

/** The statements of harvest, prepared once: a night runs each of them hundreds of thousands of times. */
export function imageQueries({ client }: Pick<Db, "client">) {
  const listedAt = client.prepare<[string, number], ListedImageRow>(`
    select images.image_id as imageId, images.job, jobs.variant, prompts.bound, images.prompt_id as promptId, images.server, images.node_id as nodeId,
      images.filename, images.subfolder, images.type, images.bad_fetches as badFetches, jobs.failures,
      coalesce(servers.without_metadata, 0) as withoutMetadata
    from images join jobs using (job) join prompts on prompts.prompt_key = jobs.prompt_key left join servers on servers.url = images.server
    where images.state = 'listed' and images.server = ? order by images.rowid limit ?`);
  // One step in the index for each server, however many images it lists.
  const serversWithListed = client.prepare<[], { server: string }>(`
    with recursive found(server) as (
      select min(server) from images where state = 'listed'
      union all
      select (select min(server) from images where state = 'listed' and server > found.server) from found where found.server is not null
    ) select server from found where server is not null`);
  const counts = client.prepare<[], { state: ImageState; count: number }>(`select state, count(*) as count from images group by state`);
  const countListed = client.prepare<[], number>(`select count(*) from images where state = 'listed'`).pluck();
  const markStored = client.prepare<[StoredImage & Pick<ImageKey, "imageId" | "promptId">]>(`
    update images set state = 'stored', reason = null, detail = null, key = @key, sha256 = @sha256, bytes = @bytes,
      format = @format, width = @width, height = @height, unproven = @unproven, stored_at_ms = @storedAtMs
    where image_id = @imageId and prompt_id = @promptId and state = 'listed'`);
  const markRejected = client.prepare<[RejectReason, string, string, string]>(
    `update images set state = 'rejected', reason = ?, detail = ? where image_id = ? and prompt_id = ? and state = 'listed'`,
  );
  const countBadFetch = client.prepare<[string, string]>(
    `update images set bad_fetches = bad_fetches + 1 where image_id = ? and prompt_id = ? and state = 'listed'`,
  );
  const isListed = client.prepare<[string, string]>(`select 1 from images where image_id = ? and prompt_id = ? and state = 'listed'`);
  const anyListed = client.prepare<[string]>(`select 1 from images where job = ? and state = 'listed' limit 1`);
  const isDone = client.prepare<[string, string]>(`select 1 from jobs where job = ? and prompt_id = ? and state = 'done'`);
  const planAgain = client.prepare<[number, number, string, string]>(`
    update jobs set state = 'planned', failures = failures + ?, free_first = max(free_first, ?), history_deleted = 0, finished_at_ms = null
    where job = ? and prompt_id = ? and state = 'done'`);
  const failJob = client.prepare<[RejectReason, string, number, string, string]>(`
    update jobs set state = 'failed', failures = failures + 1, reason = ?, detail = ?, finished_at_ms = ?
    where job = ? and prompt_id = ? and state = 'done'`);
  const removeListed = client.prepare<[string, string]>(`delete from images where job = ? and prompt_id = ? and state = 'listed'`);
  const removeImage = client.prepare<[string, string]>(`delete from images where image_id = ? and prompt_id = ? and state = 'listed'`);
  const harvested = client.prepare<[string, number], HarvestedJob>(`
    select job, prompt_id as promptId, server from jobs
    where state = 'done' and history_deleted = 0 and job > ?
      and not exists (select 1 from images where images.job = jobs.job and images.state = 'listed')
    order by job limit ?`);
  const markHistoryDeleted = client.prepare<[string, string]>(`update jobs set history_deleted = 1 where job = ? and prompt_id = ?`);

  /** True if no image of the job waits any more, so that its server may forget it. */
  const isComplete = ({ job, promptId }: ImageKey): boolean => anyListed.get(job) === undefined && isDone.get(job, promptId) !== undefined;

  const settleStored = client.transaction((entries: readonly StoredEntry[]): readonly (Settled | null)[] =>
    entries.map(({ image, stored }) => {
      const { imageId, promptId } = image;
      return markStored.run({ ...stored, imageId, promptId }).changes === 0 ? null : { jobComplete: isComplete(image) };
    }),
  );
  const settleRejected = client.transaction((image: ImageKey, { reason, detail }: Rejection): Settled | null => {
    const { imageId, promptId } = image;
    return markRejected.run(reason, detail, imageId, promptId).changes === 0 ? null : { jobComplete: isComplete(image) };
  });
  const runJobAgain = client.transaction(({ job, promptId }: ImageKey, failure: 0 | 1): boolean => {
    // After a failure the server's memory is freed first: its node cache would name the same bad or lost file again.
    const changed = planAgain.run(failure, failure, job, promptId).changes === 1;
    if (changed) removeListed.run(job, promptId);
    return changed;
  });
  const failJobOver = client.transaction((image: ImageKey, { reason, detail, nowMs }: Rejection & { readonly nowMs: number }): boolean => {
    removeImage.run(image.imageId, image.promptId);
    return failJob.run(reason, detail, nowMs, image.job, image.promptId).changes === 1;
  });
  const markAllHistoryDeleted = client.transaction((jobs: readonly HarvestedJob[]): void => {
    for (const { job, promptId } of jobs) markHistoryDeleted.run(job, promptId);
  });

  return {
    /** The listed images of one server, those listed first before the others. */
    listedAt: (server: string, limit: number) => listedAt.all(server, limit),
    /** Servers that list images, in order of their URL. */
    serversWithListed: () => serversWithListed.all().map(({ server }) => server),
    /** One scan of the state index. */
    // The table CHECKs its states.
    counts: () => Object.fromEntries(counts.all().map(({ state, count }) => [state, count])) as Partial<Record<ImageState, number>>,
    countListed: () => countListed.get() ?? 0,
    isListed: ({ imageId, promptId }: ImageKey) => isListed.get(imageId, promptId) !== undefined,
    /** The store has confirmed these images; one commit. Null where a row is no longer that attempt's or no longer waits. */
    settleStored: (entries: readonly StoredEntry[]) => settleStored.immediate(entries),
    /** The image is set aside for good. Null as above. */
    settleRejected: (image: ImageKey, rejection: Rejection) => settleRejected.immediate(image, rejection),
    countBadFetch: ({ imageId, promptId }: ImageKey) => void countBadFetch.run(imageId, promptId),
    /**
     * Plans the image's job again and forgets what its attempt listed; stored images stay. `failure`: the server spoke against the
     * job, which counts towards max_attempts. False where that happened already, over another of its images.
     */
    runJobAgain: (image: ImageKey, { failure }: { readonly failure: boolean }) => runJobAgain.immediate(image, failure ? 1 : 0),
    /** The job fails over this image; its other images go their way. */
    failJob: (image: ImageKey, failure: Rejection & { readonly nowMs: number }) => failJobOver.immediate(image, failure),
    /** Finished jobs whose images are all stored or rejected and whose history entry is still there, after job `after`. */
    harvestedJobs: (after: string, limit: number) => harvested.all(after, limit),
    markHistoryDeleted: (jobs: readonly HarvestedJob[]) => markAllHistoryDeleted.immediate(jobs),
  };
}
