import { loadConfig } from "../config/load-config.ts";
import { EXIT } from "../errors.ts";
import { stringifyExact } from "../lib/exact-json.ts";
import { configFileOf } from "../open-context.ts";
import { readPrompts } from "../prompts/read-prompts.ts";
import { createPlanner } from "../stages/plan.ts";
import { seedRuleOf } from "../stages/plan-dataset.ts";
import { prepareVariants } from "../stages/prepare-variants.ts";
import { countVariants } from "../stages/variants.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { promptsLimitOf } from "./plan-and-tell.ts";

/** Plans shown as an example. */
const PLANS_SHOWN = 5;

/** The arithmetic and the first plans; no server, no database. */
export async function dryRun(input: CommandInput): Promise<CommandResult> {
  const config = loadConfig(configFileOf(input), { env: input.env });
  const variants = await prepareVariants(config);
  const rule = seedRuleOf(config);
  const planner = createPlanner(variants, rule);
  const limit = Math.min(promptsLimitOf(input) ?? Infinity, config.prompts.limit ?? Infinity);
  const keys = new Set<string>();
  const shown: string[] = [];
  let rows = 0;
  for await (const row of readPrompts({ ...config.prompts, limit }, { warn: (message) => input.log.warn(message) }).rows()) {
    rows++;
    if (keys.has(row.promptKey)) continue;
    for (const job of planner.jobsOf(row.promptKey, keys.size)) {
      if (shown.length < PLANS_SHOWN)
        shown.push(stringifyExact({ prompt: row.sent, variant: job.variant, seed: BigInt(job.seed), job: job.job }));
    }
    keys.add(row.promptKey);
  }
  const seeds = rule.seeds?.length ?? rule.perPrompt;
  const total = keys.size * seeds * variants.length;
  input.print(`${keys.size} prompts (${rows - keys.size} duplicates) × ${seeds} seeds × ${variants.length} variants = ${total} candidates`);
  input.print(`variants: ${countVariants(config.candidates.variants).text}`);
  for (const line of shown) input.print(line);
  return { exit: EXIT.done, counts: { planned: total } };
}
