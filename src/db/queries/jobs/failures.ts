import type { Db } from "../../open.ts";

/** A failure of a job on a server. */
export interface JobFailure {
  readonly job: string;
  readonly promptKey: string;
  readonly variant: string;
  readonly server: string;
  readonly attempt: number;
  readonly reason: "oom" | "execution-error" | "no-output" | "upload-refused" | "submit-refused";
  readonly detail: string;
}

/** Whose fault it was: not decided yet, the job's, or the server's. */
export type FailureState = "open" | "counted" | "forgiven";

/** The fate of the job. `final`: it fails for good; else it is planned again. */
export interface FailureEnding {
  readonly state: FailureState;
  readonly final: boolean;
  readonly nowMs: number;
}

export type FailureQueries = ReturnType<typeof failureQueries>;

/** Failures of jobs, and the jobs' own count of them, which is what max_attempts bounds. */
export function failureQueries({ client }: Pick<Db, "client">) {
  const insert = client.prepare<[JobFailure & Pick<FailureEnding, "state" | "nowMs">]>(`
    insert into job_failures (job, prompt_key, variant, server, attempt, reason, detail, state, at_ms)
    values (@job, @promptKey, @variant, @server, @attempt, @reason, @detail, @state, @nowMs) on conflict (job, attempt) do nothing`);
  const planAgain = client.prepare<[number, string, number]>(
    `update jobs set state = 'planned', failures = failures + ? where job = ? and attempt = ? and state = 'submitted'`,
  );
  const fail = client.prepare<[Pick<JobFailure, "job" | "attempt" | "reason" | "detail"> & Pick<FailureEnding, "nowMs">]>(`
    update jobs set state = 'failed', failures = failures + 1, reason = @reason, detail = @detail, finished_at_ms = @nowMs
    where job = @job and attempt = @attempt and state = 'submitted'`);
  const open = client.prepare<[], JobFailure>(`
    select job, prompt_key as promptKey, variant, server, attempt, reason, detail from job_failures where state = 'open' order by at_ms, job`);
  const testimonies = client.prepare<[], Pick<JobFailure, "job" | "server">>(`
    select distinct job, job_failures.server from job_failures join jobs using (job)
    where job_failures.state <> 'forgiven' and jobs.state in ('planned', 'submitted')`);
  const count = client.prepare<[{ server: string; variant: string }]>(
    `update job_failures set state = 'counted' where server = @server and variant = @variant and state = 'open'`,
  );
  const countJob = client.prepare<[string]>(`update job_failures set state = 'counted' where job = ? and state = 'open'`);
  const openJobs = client.prepare<[{ server: string; variant: string | null }], { job: string; failures: number }>(`
    select job, count(*) as failures from job_failures
    where server = @server and (@variant is null or variant = @variant) and state = 'open' group by job`);
  const forgive = client.prepare<[{ server: string; variant: string | null }]>(`
    update job_failures set state = 'forgiven' where server = @server and (@variant is null or variant = @variant) and state = 'open'`);
  const giveBack = client.prepare<[{ job: string; failures: number }]>(`
    update jobs set failures = max(0, failures - @failures) where job = @job`);
  const revive = client.prepare<[string]>(`
    update jobs set state = 'planned', reason = null, detail = null, finished_at_ms = null
    where job = ? and state = 'failed' and reason in ('oom', 'execution-error', 'no-output', 'upload-refused', 'submit-refused')`);

  return {
    /** Records the failure with what becomes of the job. One transaction. */
    record: client.transaction((failure: JobFailure, { state, final, nowMs }: FailureEnding): void => {
      insert.run({ ...failure, state, nowMs });
      if (final) fail.run({ job: failure.job, attempt: failure.attempt, reason: failure.reason, detail: failure.detail, nowMs });
      else planAgain.run(state === "forgiven" ? 0 : 1, failure.job, failure.attempt);
    }).immediate,
    /** Failures of which it is not decided yet who is to blame, oldest first. */
    open: () => open.all(),
    /** Returns which servers failed at the jobs that are not over. */
    testimonies: () => testimonies.all(),
    /** The variant works on the server: what failed there was the jobs' fault. */
    countOpen: (server: string, variant: string) => void count.run({ server, variant }),
    /** Several servers failed at the job: it is its own fault. */
    countJob: (job: string) => void countJob.run(job),
    /**
     * The server is at fault, for one variant or (null) for all: nothing that it said counts, and jobs that had failed for good over it
     * are planned again. Returns how many those were. One transaction.
     */
    forgive: client.transaction((server: string, variant: string | null): number => {
      const jobs = openJobs.all({ server, variant });
      forgive.run({ server, variant });
      let revived = 0;
      for (const job of jobs) {
        giveBack.run(job);
        revived += revive.run(job.job).changes;
      }
      return revived;
    }).immediate,
  };
}
