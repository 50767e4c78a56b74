import { existsSync } from "node:fs";
import { loadConfig } from "../../config/load-config.ts";
import type { Config } from "../../config/schema.ts";
import { type Db, openReadonly } from "../../db/open.ts";
import { findDataset } from "../../db/queries/overview/dataset.ts";
import { type PlannedJob, planQueries } from "../../db/queries/plan/plan.ts";
import type { PlanCounts } from "../../db/queries/plan/plan-changes.ts";
import { listVariants } from "../../db/queries/plan/variants.ts";
import { EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { stringifyExact } from "../../lib/exact-json.ts";
import { databaseFile, openDatasetStore, refuseOtherDataset } from "../open-context.ts";
import { type PromptRow, readPrompts } from "../../prompts/read-prompts.ts";
import { comparePlan } from "../../stages/plan/compare-plan.ts";
import { createPlanner, seedRuleOf } from "../../stages/plan/plan.ts";
import { prepareVariants, type ReadyToPlan } from "../../stages/plan/prepare-variants.ts";
import { refuseOtherSeed, refuseOtherVariants } from "../../stages/plan/refuse-mixing.ts";
import { countVariants } from "../../stages/plan/variants.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { describePlan, readPromptsLimit } from "../update-plan.ts";
import type { ResultEvent } from "../result-event.ts";
import { logConfigChanges } from "../config-changes.ts";
import { type ReferenceTotals, describeReferences, sumReferences } from "../describe-references.ts";
import { openReferences } from "../../stages/plan/references.ts";
import { unfitCells } from "../../stages/plan/refuse-values.ts";

/** Plans shown as an example. */
const PLANS_SHOWN = 5;

type Plan = Omit<Extract<ResultEvent, { readonly event: "plan" }>, "event">;

/** Prints the arithmetic, what it changes in an existing dataset, and the first plans. Asks no server, writes nothing. */
export async function dryRun(input: InputOf<"generate">): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const variants = await prepareVariants(config, {
    refuse: ({ message, hint }) => input.log.warn(`${message}, as far as is known without a server. Try: ${hint ?? ""}`),
  });
  const db = existsSync(databaseFile(config)) ? openReadonly(databaseFile(config)) : null;
  try {
    if (db !== null) {
      expectSameDataset(config, { db, variants, input });
      await (await openDatasetStore({ config, db }, input)).close();
    }
    const comparison = db === null ? null : comparePlan(db);
    const prompts = await countPrompts(config, { variants, input, see: (row, jobs) => comparison?.see(row, jobs) });
    const planned = showArithmetic(config, { prompts, variants, input });
    const changes = comparison === null ? {} : showChanges(comparison.counts(), input);
    for (const plan of prompts.shown) input.show({ event: "plan", ...plan }, stringifyExact(plan));
    return { exit: EXIT.done, counts: { planned, ...changes } };
  } finally {
    db?.close();
  }
}

interface Arithmetic {
  readonly prompts: CountedPrompts;
  readonly variants: readonly ReadyToPlan[];
  readonly input: Pick<InputOf<"generate">, "show">;
}

/** Prints the arithmetic. Returns the number of candidates. */
function showArithmetic(config: Config, { prompts: { prompts, duplicates, references }, variants, input }: Arithmetic): number {
  const rule = seedRuleOf(config);
  const seeds = rule.seeds?.length ?? rule.perPrompt;
  const candidates = prompts * seeds * variants.length;
  const { text } = countVariants(config.candidates.variants);
  const factors = [
    `${counted(prompts, "prompt")} (${counted(duplicates, "duplicate")})`,
    counted(seeds, "seed"),
    counted(variants.length, "variant"),
  ];
  input.show(
    { event: "arithmetic", prompts, duplicates, seeds, variants: variants.length, candidates, reference_files: references.files, text },
    `${factors.join(" × ")} = ${counted(candidates, "candidate")}\nvariants: ${text}${references.files > 0 ? `\nreferences: ${describeReferences(references)}` : ""}`,
  );
  return candidates;
}

/** Prints what the plan would change. Returns the numbers for the last event. */
function showChanges(counts: PlanCounts, input: Pick<InputOf<"generate">, "show" | "options">) {
  const changes = { new: counts.newJobs, kept: counts.keptJobs, back: counts.backJobs, aside: counts.inactiveJobs };
  input.show(
    { event: "would_plan", new_prompts: counts.newPrompts, ...changes, aside_prompts: counts.inactivePrompts },
    `this dataset: ${describePlan(counts, { promptsLimit: readPromptsLimit(input) }).join("; ")}`,
  );
  return changes;
}

interface Existing {
  readonly db: Db;
  readonly variants: readonly ReadyToPlan[];
  readonly input: Pick<InputOf<"generate">, "log">;
}

/** Logs what changed. @throws {ConfigError} for all that planning would refuse. */
function expectSameDataset(config: Config, { db, variants, input }: Existing): void {
  const dataset = findDataset(db);
  if (dataset === undefined) return;
  refuseOtherDataset(config, dataset.name);
  logConfigChanges({ config, dataset, log: input.log }, { plans: true });
  refuseOtherSeed(config, dataset);
  refuseOtherVariants(config, { known: listVariants(db), variants, ...planQueries(db) });
}

interface Counting {
  readonly variants: readonly ReadyToPlan[];
  readonly input: Pick<InputOf<"generate">, "log" | "options">;
  readonly see: (row: PromptRow, jobs: readonly PlannedJob[]) => void;
}

interface CountedPrompts {
  readonly prompts: number;
  readonly duplicates: number;
  readonly references: ReferenceTotals;
  readonly shown: readonly Plan[];
}

async function countPrompts(config: Config, { variants, input, see }: Counting): Promise<CountedPrompts> {
  const planner = createPlanner(variants, seedRuleOf(config));
  const limit = Math.min(readPromptsLimit(input) ?? Infinity, config.prompts.limit ?? Infinity);
  const keys = new Set<string>();
  const shown: Plan[] = [];
  let rows = 0;
  const references = openReferences(config);
  const options = { warn: (message: string) => input.log.warn(message), references, notesOf: unfitCells(variants) };
  for await (const row of readPrompts({ ...config.prompts, limit }, options).rows()) {
    rows++;
    if (keys.has(row.promptKey)) continue;
    const jobs = planner.jobsOf(row.promptKey, keys.size);
    see(row, jobs);
    for (const { variant, seed, job } of jobs.slice(0, PLANS_SHOWN - shown.length)) {
      shown.push({ prompt: row.sent, variant, seed: BigInt(seed), job, bound: row.bound, references: row.references });
    }
    keys.add(row.promptKey);
  }
  return { prompts: keys.size, duplicates: rows - keys.size, references: sumReferences(references.files()), shown };
}
