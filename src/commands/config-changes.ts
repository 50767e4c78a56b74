import { type ConfigChange, configDiff, withFreeChanges } from "../config/config-diff.ts";
import type { Config } from "../config/schema.ts";
import { withoutSecretSettings } from "../config/remembered-config.ts";
import type { Db } from "../db/open.ts";
import { type DatasetRow, findDataset, rememberPlan } from "../db/queries/overview/dataset.ts";
import { planQueries } from "../db/queries/plan/plan.ts";
import { listVariants } from "../db/queries/plan/variants.ts";
import { isJsonObject, type Json, type JsonObject, parseExact, stringifyExact } from "../lib/exact-json.ts";
import type { Log } from "../lib/log.ts";
import { prepareVariants } from "../stages/plan/prepare-variants.ts";
import { refuseOtherSeed, refuseOtherVariants } from "../stages/plan/refuse-mixing.ts";

/** Says what changed in the configuration since the dataset remembered it, and what each change means. Writes nothing. */
export function logConfigChanges(
  { config, dataset, log }: { readonly config: Config; readonly dataset: DatasetRow | undefined; readonly log: Log },
  { plans }: { readonly plans: boolean },
): readonly ConfigChange[] {
  const before = parseRemembered(dataset);
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
 * so that it is logged once; the rest waits for the next plan.
 */
export async function acceptConfigChanges({
  config,
  db,
  log,
}: {
  readonly config: Config;
  readonly db: Db;
  readonly log: Log;
}): Promise<void> {
  const dataset = findDataset(db);
  const changes = logConfigChanges({ config, dataset, log }, { plans: false });
  const before = parseRemembered(dataset);
  if (changes.length === 0 || dataset === undefined || before === null) return;
  refuseOtherSeed(config, dataset);
  if (changes.some(({ kind }) => kind !== "free")) {
    // Which nodes are allowed is for those who send them.
    const variants = await prepareVariants(config, { refuse: () => undefined });
    refuseOtherVariants(config, { known: listVariants(db), variants, ...planQueries(db) });
  }
  rememberPlan(db, { config: stringifyExact(withFreeChanges(before, config.written)) });
}

function parseRemembered(dataset: DatasetRow | undefined): JsonObject | null {
  const remembered = dataset?.config === undefined || dataset.config === null ? null : parseExact(dataset.config);
  return remembered !== null && isJsonObject(remembered) ? remembered : null;
}

/** Characters shown of one value. A long list would hide the other changes. */
const VALUE_CHARS = 80;

/** One change in a person's words: `candidates.per_prompt: 3 → 4, adds candidates`. */
function describeChange(change: ConfigChange, { plans }: { readonly plans: boolean }): string {
  return `${change.key}: ${valueText(change.from)} → ${valueText(change.to)}, ${describeMeaning(change, plans)}`;
}

/** `plans`: this command plans; others leave what concerns candidates to the next that does. */
function describeMeaning(change: ConfigChange, plans: boolean): string {
  if (change.key === "store.metadata") return "for what is stored from now on; images stored before stay as they are";
  if (change.key === "store.uri") return "taken where this dataset's images are, refused otherwise";
  if (change.kind === "free") return "takes effect now";
  if (change.key === "seed") return "refused where seeds derive from it: it would mix two datasets in one";
  const when = plans ? "" : " at the next generate or run";
  if (change.kind === "fixed") return `taken${when} only if the images of existing variants and prompts stay the same, refused otherwise`;
  return `${candidatesMeaning(change)}${when}`;
}

function candidatesMeaning({ key, from, to }: ConfigChange): string {
  if (key === "candidates.per_prompt" && typeof from === "number" && typeof to === "number") {
    return to > from ? "adds candidates" : "sets candidates aside (nothing is deleted)";
  }
  if (key.startsWith("candidates.variants[")) {
    return from === undefined ? "a new variant: adds candidates" : "a variant less: its candidates are set aside (nothing is deleted)";
  }
  if (key === "prompts.keep" || key === "prompts.id") return "other metadata of the rows";
  return "adds candidates, or sets some aside (nothing is deleted)";
}

function valueText(value: Json | undefined): string {
  if (value === undefined) return "not set";
  const text = stringifyExact(value);
  return text.length > VALUE_CHARS ? `${text.slice(0, VALUE_CHARS)}…` : text;
}
