import { sql } from "../drizzle.ts";
import type { Db } from "../open.ts";
import { prompts } from "../schema.ts";

export type PromptInsert = typeof prompts.$inferInsert;

/** A candidate to be. */
export interface PlannedJob {
  readonly job: string;
  readonly promptKey: string;
  readonly variant: string;
  /** Decimal. */
  readonly seed: string;
  readonly seedIndex: number;
  readonly position: number;
}

/** A prompt with its candidates, as the plan wants them. */
export interface PlannedPrompt {
  readonly prompt: PromptInsert;
  readonly jobs: readonly PlannedJob[];
}

export interface PlanCounts {
  readonly newPrompts: number;
  readonly newJobs: number;
}

/** The statements of planning, prepared once. */
export function planQueries(db: Db) {
  const { client } = db;
  const findPrompt = client.prepare<[string]>(`select 1 from prompts where prompt_key = ?`);
  const findOtherSent = client.prepare<[string, string]>(`
    select 1 from prompts where prompt_key = ? and sent <> ? and exists (select 1 from jobs where jobs.prompt_key = prompts.prompt_key and attempt > 0)`);
  const upsertPrompt = client.prepare(`
    insert into prompts (prompt_key, position, prompt, sent, negative, bound, reference_files, source_id, meta, active)
    values (@promptKey, @position, @prompt, @sent, @negative, @bound, @references, @sourceId, @meta, 1)
    on conflict (prompt_key) do update set position = excluded.position, sent = excluded.sent, source_id = excluded.source_id, meta = excluded.meta, active = 1
    where prompts.active = 0`);
  const insertJob = client.prepare<[PlannedJob]>(`
    insert into jobs (job, prompt_key, variant, seed, seed_index, position) values (@job, @promptKey, @variant, @seed, @seedIndex, @position)
    on conflict (job) do nothing`);
  const wantJob = client.prepare<[number, string]>(`update jobs set aside = 0, position = ? where job = ? and aside = 1`);

  return {
    /** True if some server was given another text for the prompt: its images would not fit the new one. */
    isSentOtherwise: (promptKey: string, sent: string) => findOtherSent.get(promptKey, sent) !== undefined,
    /** Before planning anew: what the plan does not name again stays aside. */
    setAllAside: client.transaction(() => {
      client.exec(`update prompts set active = 0 where active = 1`);
      client.exec(`update jobs set aside = 1 where aside = 0`);
    }).immediate,
    /** Adds a chunk of prompts with their candidates; repeating it changes nothing, and a prompt's first row wins. One transaction. */
    addChunk: client.transaction((chunk: readonly PlannedPrompt[]): PlanCounts => {
      const counts = { newPrompts: 0, newJobs: 0 };
      for (const { prompt, jobs } of chunk) {
        if (findPrompt.get(prompt.promptKey) === undefined) counts.newPrompts++;
        upsertPrompt.run({ negative: "", bound: "{}", references: "{}", sourceId: null, meta: "{}", ...prompt });
        for (const job of jobs) {
          if (wantJob.run(job.position, job.job).changes > 0) continue;
          counts.newJobs += insertJob.run(job).changes;
        }
      }
      return counts;
    }).immediate,
    counts: () => {
      const row = db.orm
        .select({ active: sql<number>`coalesce(sum(active), 0)`, all: sql<number>`count(*)` })
        .from(prompts)
        .get();
      return { active: row?.active ?? 0, aside: (row?.all ?? 0) - (row?.active ?? 0) };
    },
  };
}
