import type { RejectReason } from "../../../errors.ts";
import { imageIdOf } from "../../../identity.ts";
import type { Db } from "../../open.ts";

/** A job as the scheduler needs it: what to send, and what happened so far. */
export interface JobRow {
  readonly job: string;
  readonly promptKey: string;
  readonly variant: string;
  /** Decimal. */
  readonly seed: string;
  readonly position: number;
  /** Position of its prompt in the plan, from 0. */
  readonly promptPosition: number;
  readonly attempt: number;
  readonly failures: number;
  readonly freeFirst: 0 | 1;
  readonly sent: string;
  readonly negative: string;
  /** JSON object of per-prompt bound values. */
  readonly bound: string;
  /** JSON object: sha256 of the prompt's images by bound name. */
  readonly references: string;
}

export interface SubmittedJob extends JobRow {
  readonly promptId: string;
  readonly server: string;
  readonly submittedAtMs: number;
}

/** One attempt at a job: what a later one did meanwhile is left alone. */
type AttemptKey = Pick<SubmittedJob, "job" | "promptId">;

/** One image that a finished job saved. */
export interface ListedImage {
  readonly nodeId: string;
  readonly batchIndex: number;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

export interface JobCounts {
  readonly planned: number;
  readonly submitted: number;
  readonly done: number;
  readonly failed: number;
}

const JOB_COLUMNS = `
  jobs.job, jobs.prompt_key as promptKey, jobs.variant, jobs.seed, jobs.position, jobs.attempt, jobs.failures,
  jobs.free_first as freeFirst, prompts.position as promptPosition, prompts.sent, prompts.negative, prompts.bound,
  prompts.reference_files as "references"`;

/** Candidates of a paused variant stay planned: they wait for `retry --variant`. Another process may pause it at any moment. */
const IS_NOT_PAUSED = `jobs.variant not in (select variant from variants where state = 'paused')`;

export type JobQueries = ReturnType<typeof jobQueries>;

/** The scheduler's statements, prepared once: a night runs each of them hundreds of thousands of times. */
export function jobQueries({ client }: Pick<Db, "client">) {
  const planned = client.prepare<[number, string, number], JobRow>(`
    select ${JOB_COLUMNS} from jobs join prompts using (prompt_key)
    where jobs.state = 'planned' and jobs.inactive = 0 and ${IS_NOT_PAUSED} and (jobs.position, jobs.job) > (?, ?)
    order by jobs.position, jobs.job limit ?`);
  const submitted = client.prepare<[], SubmittedJob>(`
    select ${JOB_COLUMNS}, jobs.prompt_id as promptId, jobs.server, jobs.submitted_at_ms as submittedAtMs
    from jobs join prompts using (prompt_key) where jobs.state = 'submitted' order by jobs.position`);
  const markSubmitted = client.prepare<[number, string, string, number, string]>(`
    update jobs set state = 'submitted', attempt = ?, prompt_id = ?, server = ?, submitted_at_ms = ?
    where job = ? and state = 'planned' and ${IS_NOT_PAUSED}`);
  const markDone = client.prepare<[number, string, string]>(
    `update jobs set state = 'done', finished_at_ms = ?, free_first = 0 where job = ? and prompt_id = ? and state = 'submitted'`,
  );
  const markPlanned = client.prepare<[string, string]>(
    `update jobs set state = 'planned' where job = ? and prompt_id = ? and state = 'submitted'`,
  );
  const markFailed = client.prepare<[string, string, number, string, string]>(`
    update jobs set state = 'failed', failures = failures + 1, reason = ?, detail = ?, finished_at_ms = ?
    where job = ? and prompt_id = ? and state in ('planned', 'submitted')`);
  // A stored image keeps its row: first stored wins, whatever a later attempt lists. So does one that was pruned or excluded: it is not
  // wanted again. What `exclude --redo` replaced has another image_id than what is listed now.
  const listImage = client.prepare<
    [ListedImage & Pick<SubmittedJob, "job" | "promptKey" | "promptId" | "server" | "attempt"> & { imageId: string; generation: number }]
  >(`
    insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, generation, filename, subfolder, type, epoch)
    values (@imageId, @job, @promptKey, @promptId, @server, @attempt, @nodeId, @batchIndex, @generation, @filename, @subfolder, @type,
      (select epoch from servers where url = @server))
    on conflict (image_id) do update set prompt_id = excluded.prompt_id, server = excluded.server, attempt = excluded.attempt, epoch = excluded.epoch,
      filename = excluded.filename, subfolder = excluded.subfolder, type = excluded.type, state = 'listed', reason = null, detail = null, bad_fetches = 0
    where images.state in ('listed', 'rejected')`);
  const countReplaced = client
    .prepare<[string, string, number], number>(
      `select count(*) from images where job = ? and node_id = ? and batch_index = ? and replaced = 1`,
    )
    .pluck();
  /** Each redo raises it; the first attempt of a job has none behind it. */
  const generationOf = ({ job, attempt }: SubmittedJob, { nodeId, batchIndex }: ListedImage): number =>
    attempt <= 1 ? 0 : (countReplaced.get(job, nodeId, batchIndex) ?? 0);
  const quarantine = client.prepare<[string, string]>(`update variants set state = 'quarantined', reason = ? where variant = ?`);
  const failVariant = client.prepare<[string, number, string]>(
    `update jobs set state = 'failed', reason = 'variant-quarantined', detail = ?, finished_at_ms = ? where variant = ? and state = 'planned'`,
  );
  const states = client.prepare<[], { state: keyof JobCounts; count: number }>(
    `select state, count(*) as count from jobs where inactive = 0 group by state`,
  );
  const anyPlanned = client.prepare<[]>(`select 1 from jobs where state = 'planned' and inactive = 0 and ${IS_NOT_PAUSED} limit 1`);
  const anyOpen = client.prepare<[]>(
    `select 1 from jobs where state = 'submitted' or (state = 'planned' and inactive = 0 and ${IS_NOT_PAUSED}) limit 1`,
  );

  return {
    /** Planned jobs after `after` (null: from the first) in scheduling order. */
    planned: (after: Pick<JobRow, "position" | "job"> | null, limit: number) => planned.all(after?.position ?? -1, after?.job ?? "", limit),
    /** Every job that some server was or may have been given and that is not settled. */
    submitted: () => submitted.all(),
    /** The intent, committed before POST /prompt. False if the job is no longer planned, or its variant was paused. */
    markSubmitted: (
      job: string,
      intent: { readonly attempt: number; readonly promptId: string; readonly server: string; readonly nowMs: number },
    ) => markSubmitted.run(intent.attempt, intent.promptId, intent.server, intent.nowMs, job).changes === 1,
    /** The job ran: its images wait for harvest. One transaction. */
    settleDone: client.transaction((job: SubmittedJob, images: readonly ListedImage[], nowMs: number) => {
      if (markDone.run(nowMs, job.job, job.promptId).changes === 0) return false;
      const { job: id, promptKey, promptId, server, attempt } = job;
      for (const image of images) {
        const generation = generationOf(job, image);
        const imageId = imageIdOf(id, { nodeId: image.nodeId, batchIndex: image.batchIndex, generation });
        listImage.run({ ...image, imageId, generation, job: id, promptKey, promptId, server, attempt });
      }
      return true;
    }).immediate,
    /** Plans the job again under its next attempt. False if this attempt is no longer the job's. */
    planAgain: ({ job, promptId }: AttemptKey): boolean => markPlanned.run(job, promptId).changes === 1,
    /** Likewise. */
    fail: (
      { job, promptId }: AttemptKey,
      reason: RejectReason,
      { detail, nowMs }: { readonly detail: string; readonly nowMs: number },
    ): boolean => markFailed.run(reason, detail, nowMs, job, promptId).changes === 1,
    /** Sets the variant aside with its planned jobs. Returns how many those were. */
    quarantine: client.transaction((variant: string, reason: string, nowMs: number) => {
      quarantine.run(reason, variant);
      return failVariant.run(reason, nowMs, variant).changes;
    }).immediate,
    /** One scan of the state index: call it at the start, then count on. */
    counts: (): JobCounts => {
      const counts = { planned: 0, submitted: 0, done: 0, failed: 0 };
      for (const { state, count } of states.all()) if (state in counts) counts[state] = count;
      return counts;
    },
    /** True while a job waits for a server, and not for a person. */
    anyPlanned: () => anyPlanned.get() !== undefined,
    /** True while a job is planned or submitted. */
    anyOpen: () => anyOpen.get() !== undefined,
  };
}
