import type { Db } from "../../open.ts";
import type { prompts } from "../../schema/tables.ts";

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

/** Rows set aside in one transaction: half a second. */
const DEACTIVATED_ROWS = 50_000;

/** The statements that write a plan, prepared once. */
export function planQueries({ client }: Pick<Db, "client">) {
  const findOtherSent = client.prepare<[string, string]>(`
    select 1 from prompts where prompt_key = ? and sent <> ? and exists (select 1 from jobs where jobs.prompt_key = prompts.prompt_key and attempt > 0)`);
  // Canonical JSON: inside a text the quotes of a key would stand behind backslashes.
  const findMade = client.prepare<[{ variant: string }]>(`
    select 1 from variants where variant = @variant and has_worked = 1
    union all select 1 from jobs where variant = @variant and state in ('submitted', 'done') limit 1`);
  const findWithoutValue = client.prepare<[{ readonly name: string }]>(
    `select 1 from prompts where instr(bound, @name) = 0 and instr(reference_files, @name) = 0 limit 1`,
  );
  // A new plan needs the inserts alone, a changed one both: what is there already may be aside.
  const insertPrompt = client.prepare(`
    insert into prompts (prompt_key, position, prompt, sent, negative, bound, reference_files, source_id, meta, active)
    values (@promptKey, @position, @prompt, @sent, @negative, @bound, @references, @sourceId, @meta, 1) on conflict (prompt_key) do nothing`);
  const wantPrompt = client.prepare(`
    update prompts set position = @position, sent = @sent, source_id = @sourceId, meta = @meta, active = 1
    where prompt_key = @promptKey and (active = 0 or position < 0)`);
  const insertJob = client.prepare<[string, string, string, string, number, number]>(`
    insert into jobs (job, prompt_key, variant, seed, seed_index, position) values (?, ?, ?, ?, ?, ?) on conflict (job) do nothing`);
  const wantJob = client.prepare<[number, string]>(`update jobs set inactive = 0, position = ? where job = ? and inactive = 1`);
  const firstJob = client.prepare<[]>(`select 1 from jobs limit 1`);
  const lastPrompt = client.prepare<[], number>(`select max(rowid) from prompts`).pluck();
  const lastJob = client.prepare<[], number>(`select max(rowid) from jobs`).pluck();
  const deactivatePrompts = client.prepare<[number, number]>(`
    update prompts set active = adopted, position = iif(adopted, -1, position), source_id = iif(adopted, null, source_id), meta = iif(adopted, '{}', meta)
    where rowid > ? and rowid <= ? and active = 1`);
  const deactivateJobs = client.prepare<[number, number]>(`
    update jobs set inactive = 1 where rowid > ? and rowid <= ? and inactive = 0 and adopted = 0`);

  return {
    /** True if some server was given another text for the prompt: its images would not fit the new one. */
    isSentOtherwise: (promptKey: string, sent: string) => findOtherSent.get(promptKey, sent) !== undefined,
    /** True if some prompt brings neither value nor image of its own for a bound name. */
    lacksValue: (name: string) => findWithoutValue.get({ name: `${JSON.stringify(name)}:` }) !== undefined,
    /** True if an image of the variant is there, or a server may be making one. */
    mayHaveImages: (variant: string) => findMade.get({ variant }) !== undefined,
    /** Returns true before the first plan, when nobody else uses the database yet. */
    isNew: () => firstJob.get() === undefined,
    /**
     * Before planning anew: what the plan does not name again stays aside. Adopted images and their prompts stay, the prompts as if the
     * file
     * had never had them, until it names them again. Stops after each of its transactions: others may want to write.
     */
    *deactivateAll(): Generator<void, void, undefined> {
      for (const [set, last] of [
        [deactivatePrompts, lastPrompt],
        [deactivateJobs, lastJob],
      ] as const) {
        const end = last.get() ?? 0;
        for (let from = 0; from < end; from += DEACTIVATED_ROWS) {
          set.run(from, from + DEACTIVATED_ROWS);
          yield;
        }
      }
    },
    /** Puts the chunks added until `commit` into one transaction. */
    begin: () => void client.exec("begin immediate"),
    /** Nothing where no transaction is open: SQLite has ended it for an error. */
    commit: () => void (client.inTransaction && client.exec("commit")),
    /** Adds a chunk of prompts with their candidates; repeating it changes nothing, and a prompt's first row wins. All of it or nothing. */
    addChunk: client.transaction((chunk: readonly PlannedPrompt[]): void => {
      for (const { prompt, jobs } of chunk) {
        const row = { negative: "", bound: "{}", references: "{}", sourceId: null, meta: "{}", ...prompt };
        if (insertPrompt.run(row).changes === 0) wantPrompt.run(row);
        for (const { job, promptKey, variant, seed, seedIndex, position } of jobs) {
          if (insertJob.run(job, promptKey, variant, seed, seedIndex, position).changes === 0) wantJob.run(position, job);
        }
      }
    }).immediate,
  };
}
