import { configDiff, withFreeChanges, type ConfigChange } from "../../config/config-diff.ts";
import type { Config } from "../../config/schema.ts";
import { findDataset, rememberPlan, type DatasetRow } from "../../db/queries/overview/dataset.ts";
import { planQueries } from "../../db/queries/plan/plan.ts";
import { listVariants } from "../../db/queries/plan/variants.ts";
import type { Db } from "../../db/open.ts";
import { isJsonObject, parseExact, stringifyExact, type JsonObject } from "../../lib/exact-json.ts";
import type { Log } from "../../lib/log.ts";
import { prepareVariants } from "../../stages/plan/prepare-variants.ts";
import { refuseOtherSeed, refuseOtherVariants } from "../../stages/plan/refuse-mixing.ts";
import { describeChange } from "./describe-change.ts";
import { withoutSecretSettings } from "../../config/without-secret-settings.ts";

/** Says what changed in the configuration since the dataset remembered it, and what each change means. Writes nothing. */
export function tellChanges(
  { config, dataset, log }: { readonly config: Config; readonly dataset: DatasetRow | undefined; readonly log: Log },
  { plans }: { readonly plans: boolean },
): readonly ConfigChange[] {
  const before = rememberedOf(dataset);
  // Older databases keep secrets that variants set.
  const changes = before === null ? [] : configDiff(withoutSecretSettings(before), config.written);
  if (changes.length === 0) return changes;
  const lines = changes.map((change) => describeChange(change, { plans }));
  log.info(`The configuration has changed since the last start:\n  ${lines.join("\n  ")}`);
  for (const { key, from, to, kind } of changes) log.event("config_changed", { key, from: from ?? null, to: to ?? null, kind });
  return changes;
}

/**
 * The same for a stage that does not plan: what would be refused at planning is refused here, too; what may change freely is remembered,
 * so that it is told once; the rest waits for the next plan.
 */
export async function takeChanges({ config, db, log }: { readonly config: Config; readonly db: Db; readonly log: Log }): Promise<void> {
  const dataset = findDataset(db);
  const changes = tellChanges({ config, dataset, log }, { plans: false });
  const before = rememberedOf(dataset);
  if (changes.length === 0 || dataset === undefined || before === null) return;
  refuseOtherSeed(config, dataset);
  if (changes.some(({ kind }) => kind !== "free")) {
    // Which nodes are allowed is for those who send them.
    const variants = await prepareVariants(config, { refuse: () => undefined });
    refuseOtherVariants(config, { known: listVariants(db), variants, ...planQueries(db) });
  }
  rememberPlan(db, { config: stringifyExact(withFreeChanges(before, config.written)) });
}

function rememberedOf(dataset: DatasetRow | undefined): JsonObject | null {
  const remembered = dataset?.config === undefined || dataset.config === null ? null : parseExact(dataset.config);
  return remembered !== null && isJsonObject(remembered) ? remembered : null;
}
