import type { Db } from "../../open.ts";

export interface PlanCounts {
  readonly newPrompts: number;
  readonly newJobs: number;
  /** Wanted before and now. */
  readonly keptJobs: number;
  /** Set aside by an earlier plan, wanted again. */
  readonly backJobs: number;
  /** Wanted before, not any more. */
  readonly inactiveJobs: number;
  readonly inactivePrompts: number;
}

/** Numbers of rows before a plan was written. */
export interface BeforePlan {
  readonly wanted: RowCounts;
  readonly all: RowCounts;
}

interface RowCounts {
  readonly prompts: number;
  readonly jobs: number;
}

/** Prepares the queries that compare a plan with what is there. */
export function planChanges({ client }: Pick<Db, "client">) {
  const countRows = (where: { readonly prompts: string; readonly jobs: string }): RowCounts => ({
    prompts: client.prepare<[], number>(`select count(*) from prompts where ${where.prompts}`).pluck().get() ?? 0,
    jobs: client.prepare<[], number>(`select count(*) from jobs where ${where.jobs}`).pluck().get() ?? 0,
  });
  const countWanted = (): RowCounts => countRows({ prompts: "active = 1", jobs: "inactive = 0 and adopted = 0" });
  const countAll = (): RowCounts => countRows({ prompts: "true", jobs: "true" });
  const findJob = client.prepare<[string], 0 | 1>(`select inactive from jobs where job = ?`).pluck();
  const findPrompt = client.prepare<[string], 0 | 1>(`select active from prompts where prompt_key = ?`).pluck();

  return {
    /** Undefined: not planned yet; 1: set aside by an earlier plan. */
    inactiveOf: (job: string): 0 | 1 | undefined => findJob.get(job),
    isPromptActive(promptKey: string): boolean | undefined {
      const active = findPrompt.get(promptKey);
      return active === undefined ? undefined : active === 1;
    },
    countWanted,
    /** Before the plan is written: what `compare` needs to know. */
    remember(): BeforePlan {
      client.exec(`
        drop table if exists temp.inactive_before;
        create temp table inactive_before as select job as id from jobs where inactive = 1 union all select prompt_key from prompts where active = 0`);
      return { wanted: countWanted(), all: countAll() };
    },
    /** Returns what the plan written since `remember` changed. */
    compare({ wanted: before, all: allBefore }: BeforePlan): PlanCounts {
      const [wanted, all] = [countWanted(), countAll()];
      const back = (table: string): number =>
        client.prepare<[], number>(`select count(*) from temp.inactive_before join ${table}`).pluck().get() ?? 0;
      const backJobs = back("jobs on job = id where inactive = 0");
      const backPrompts = back("prompts on prompt_key = id where active = 1");
      client.exec(`drop table temp.inactive_before`);
      const newJobs = all.jobs - allBefore.jobs;
      const newPrompts = all.prompts - allBefore.prompts;
      const keptJobs = wanted.jobs - newJobs - backJobs;
      const keptPrompts = wanted.prompts - newPrompts - backPrompts;
      return {
        newPrompts,
        newJobs,
        keptJobs,
        backJobs,
        inactiveJobs: before.jobs - keptJobs,
        inactivePrompts: before.prompts - keptPrompts,
      };
    },
  };
}
