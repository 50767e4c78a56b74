import { loadConfig } from "../config/load-config.ts";
import { EXIT } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { stringifyExact } from "../lib/exact-json.ts";
import { configFileOf } from "../open-context.ts";
import { readPrompts } from "../prompts/read-prompts.ts";
import { openReferences } from "../stages/open-references.ts";
import { createPlanner } from "../stages/plan.ts";
import { seedRuleOf } from "../stages/plan-dataset.ts";
import { prepareVariants } from "../stages/prepare-variants.ts";
import { countVariants } from "../stages/variants.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { promptsLimitOf } from "./plan-and-tell.ts";
import type { ResultEvent } from "./result-event.ts";
import { tellReferences, totalsOf } from "./tell-references.ts";

/** Plans shown as an example. */
const PLANS_SHOWN = 5;

type Plan = Omit<Extract<ResultEvent, { readonly event: "plan" }>, "event">;

/** The arithmetic and the first plans; no server, no database. */
export async function dryRun(input: CommandInput): Promise<CommandResult> {
  const config = loadConfig(configFileOf(input), { env: input.env });
  const variants = await prepareVariants(config);
  const rule = seedRuleOf(config);
  const planner = createPlanner(variants, rule);
  const limit = Math.min(promptsLimitOf(input) ?? Infinity, config.prompts.limit ?? Infinity);
  const keys = new Set<string>();
  const shown: Plan[] = [];
  let rows = 0;
  const references = openReferences(config);
  const source = readPrompts({ ...config.prompts, limit }, { warn: (message) => input.log.warn(message), references });
  for await (const row of source.rows()) {
    rows++;
    if (keys.has(row.promptKey)) continue;
    for (const job of planner.jobsOf(row.promptKey, keys.size)) {
      if (shown.length < PLANS_SHOWN)
        shown.push({ prompt: row.sent, variant: job.variant, seed: BigInt(job.seed), job: job.job, references: row.references });
    }
    keys.add(row.promptKey);
  }
  const seeds = rule.seeds?.length ?? rule.perPrompt;
  const total = keys.size * seeds * variants.length;
  const duplicates = rows - keys.size;
  const { text } = countVariants(config.candidates.variants);
  const factors = [
    `${counted(keys.size, "prompt")} (${counted(duplicates, "duplicate")})`,
    counted(seeds, "seed"),
    counted(variants.length, "variant"),
  ];
  const totals = totalsOf(references.files());
  input.show(
    {
      event: "arithmetic",
      prompts: keys.size,
      duplicates,
      seeds,
      variants: variants.length,
      candidates: total,
      reference_files: totals.files,
      text,
    },
    `${factors.join(" × ")} = ${counted(total, "candidate")}\nvariants: ${text}${totals.files > 0 ? `\nreferences: ${tellReferences(totals)}` : ""}`,
  );
  for (const plan of shown) input.show({ event: "plan", ...plan }, stringifyExact(plan));
  return { exit: EXIT.done, counts: { planned: total } };
}
