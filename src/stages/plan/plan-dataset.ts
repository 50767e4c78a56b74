import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import { rememberedConfig } from "../../config/remembered-config.ts";
import { uploadFolders } from "../../config/resolve-config.ts";
import { withoutSecretInputs, wrapperToKeep } from "../../comfy/graph/secrets.ts";
import type { Context } from "../../context.ts";
import { inBulk } from "../../db/flushing.ts";
import { setCounter } from "../../db/queries/jobs/counters.ts";
import { ensureDataset, rememberPlan } from "../../db/queries/overview/dataset.ts";
import { planChanges, type PlanCounts } from "../../db/queries/plan/plan-changes.ts";
import { planQueries, type PlannedPrompt } from "../../db/queries/plan/plan.ts";
import { referenceQueries } from "../../db/queries/plan/references.ts";
import { listVariants, replaceVariants, type VariantRow } from "../../db/queries/plan/variants.ts";
import { canonicalJson, identityHash, stringifyExact, type Json } from "../../lib/exact-json.ts";
import { stringifyPython } from "../../lib/python-json.ts";
import { hexSet } from "../../lib/hex-set.ts";
import { readPrompts, type PromptRow } from "../../prompts/read-prompts.ts";
import type { ReferenceFiles } from "../../prompts/reference-files.ts";
import { createPlanner, areDerived, seedRuleOf } from "./plan.ts";
import { prepareVariants, type ReadyToPlan } from "./prepare-variants.ts";
import { refuseOtherSeed, refuseOtherVariants } from "./refuse-mixing.ts";
import { refuseValues, unfitCells } from "./refuse-values.ts";
import { readError } from "../../prompts/prompt-source.ts";
import { areReferencesUnchanged, openReferences } from "./references.ts";
import { refuseOtherText } from "./compare-plan.ts";

/** Prompts per transaction: short enough that harvest beside us never waits long. */
const CHUNK_PROMPTS = 256;
/**
 * The same for the first plan, when there is nothing yet for anyone beside us to do. A candidate's key is a hash, so that each row changes
 * pages all over the index: the more rows a transaction has, the fewer pages it writes for each.
 */
const FIRST_PLAN_CHUNK_PROMPTS = 8_192;
/**
 * Pause between two long transactions, ms: whoever waits for one to end looks every 100 ms. Source: sqlite3.c, sqliteDefaultBusyCallback.
 */
const GAP_MS = 110;
/** Prompts held in memory until they are written; what lives longer makes V8 keep more memory for ever. */
const HELD_PROMPTS = 16;
/** Stands before the hash of a prompt_key. Source: identity.ts, promptKeyOf. */
const PROMPT_KEY_MARK = "p_";

export type PlanNeeds = Pick<Context, "config" | "db" | "clock" | "log">;

export interface PlanOptions {
  /** Only the first so many prompts; a later plan without it goes on with the rest. */
  readonly promptsLimit?: number;
  /** Classes of the workflows, as the servers that answer describe them. */
  readonly servers?: readonly ServerClasses[];
}

export interface PlanReport extends PlanCounts {
  /** False: the same plan as last time, nothing was read again. */
  readonly changed: boolean;
  /** True if --prompts leaves prompts out that the configuration asks for. */
  readonly isCut: boolean;
  readonly newVariants: readonly string[];
  readonly inactiveVariants: readonly string[];
  readonly duplicates: number;
}

/**
 * Brings the plan in the database in line with the configuration: new prompts, seeds and variants add candidates, removed ones are set
 * aside. What would mix two datasets is refused before anything is written. Interrupted at any point, the next call completes it.
 */
export async function planDataset(needs: PlanNeeds, { promptsLimit, servers = [] }: PlanOptions = {}): Promise<PlanReport> {
  const { config, db, clock, log } = needs;
  const dataset = ensureDataset(db, { name: config.dataset, nowMs: clock.nowMs() });
  const variants = await prepareVariants(config, { servers });
  const known = listVariants(db);
  refuseOtherSeed(config, dataset);
  refuseOtherVariants(config, { known, variants, ...planQueries(db) });
  refuseValues(variants, { config, servers, warn: (message) => log.warn(message) });

  const planFingerprint = await fingerprintOf(config, { variants, promptsLimit });
  const knownFiles = referenceQueries(db);
  if (dataset.planFingerprint === planFingerprint && (await areReferencesUnchanged(knownFiles))) {
    if (dataset.config !== rememberedConfig(config)) rememberPlan(db, { config: rememberedConfig(config) });
    return NOTHING_NEW;
  }

  const limited = { ...config.prompts, limit: Math.min(promptsLimit ?? Infinity, config.prompts.limit ?? Infinity) };
  const references = openReferences(config, knownFiles.atPath);
  const wanted: Wanted = { limited, references, variants, servers };
  const { counted, isPartial } = await checkPrompts(needs, wanted);
  // An interrupted plan must not pass for a whole one.
  rememberPlan(db, {
    config: rememberedConfig(config),
    storeUri: config.store.uri,
    // The base of derived seeds stays known while the configuration lists seeds of its own.
    ...(areDerived(config.candidates.seeds) ? { baseSeed: config.seed.toString() } : {}),
    planFingerprint: null,
    planPartial: isPartial ? 1 : 0,
  });
  replaceVariants(db, variants.map(toRow));
  knownFiles.replacePaths(references.files()); // Before the first job that needs one of them.
  const counts = await inBulk(db, () => writePlan(needs, wanted));
  for (const [name, value] of Object.entries(counted)) setCounter(db, name as keyof typeof counted, value); // Object.entries widens the keys.
  rememberPlan(db, { planFingerprint });
  return { ...counts, ...compareVariants(known, variants), changed: true, isCut: isPartial, duplicates: counted.duplicate_prompts };
}

const NOTHING_NEW: PlanReport = {
  changed: false,
  isCut: false,
  newPrompts: 0,
  newJobs: 0,
  keptJobs: 0,
  backJobs: 0,
  inactiveJobs: 0,
  inactivePrompts: 0,
  newVariants: [],
  inactiveVariants: [],
  duplicates: 0,
};

/** The input of both passes of planning. */
interface Wanted {
  readonly limited: Context["config"]["prompts"] & { readonly limit: number };
  readonly references: ReferenceFiles;
  readonly variants: readonly ReadyToPlan[];
  readonly servers: readonly ServerClasses[];
}

/**
 * First pass: everything is read and checked before anything is written. `isPartial`: --prompts leaves prompts out that the configuration
 * wants.
 */
async function checkPrompts({ config, db, log }: PlanNeeds, { limited: prompts, references, variants, servers }: Wanted) {
  const plan = planQueries(db);
  using keys = hexSet();
  let duplicates = 0;
  let rows = 0;
  const isNew = plan.isNew();
  const isCut = prompts.limit < (config.prompts.limit ?? Infinity);
  // One row more than wanted tells whether there is more.
  const limit = isCut ? prompts.limit + 1 : prompts.limit;
  const options = { warn: (message: string) => log.warn(message), references, notesOf: unfitCells(variants, servers) };
  const source = readPrompts({ ...prompts, limit }, options);
  for await (const row of source.rows()) {
    if (++rows > prompts.limit) break;
    if (!keys.add(row.promptKey.slice(PROMPT_KEY_MARK.length))) {
      duplicates++; // The first row of a prompt is the one that is planned.
      continue;
    }
    if (!isNew) refuseOtherText(plan, row);
  }
  const { empty, replacedSurrogates } = source.counts;
  const counted = { duplicate_prompts: duplicates, empty_prompts: empty, replaced_surrogates: replacedSurrogates };
  return { counted, isPartial: rows > prompts.limit };
}

/** Second pass: writes chunk by chunk. */
async function writePlan({ config, db, clock }: PlanNeeds, { limited, references, variants }: Wanted): Promise<PlanCounts> {
  const plan = planQueries(db);
  const planner = createPlanner(variants, seedRuleOf(config));
  let chunk: PlannedPrompt[] = [];
  const flush = (): void => {
    plan.addChunk(chunk);
    chunk = [];
  };
  const isNew = plan.isNew();
  const changes = planChanges(db);
  const before = changes.remember();
  for (const _ of plan.deactivateAll()) await clock.sleep(GAP_MS);
  let position = 0;
  try {
    for await (const row of readPrompts(limited, { warn: () => undefined, references }).rows()) {
      if (isNew && position % FIRST_PLAN_CHUNK_PROMPTS === 0) {
        if (position > 0) await clock.sleep(GAP_MS);
        plan.begin();
      }
      chunk.push({ prompt: toPromptRow(row, position), jobs: planner.jobsOf(row.promptKey, position) });
      position++;
      if (chunk.length >= (isNew ? HELD_PROMPTS : CHUNK_PROMPTS)) flush();
      if (isNew && position % FIRST_PLAN_CHUNK_PROMPTS === 0) plan.commit();
    }
    flush();
  } finally {
    plan.commit(); // The rows added are right, and the next plan continues from them.
  }
  return changes.compare(before);
}

function toPromptRow(row: PromptRow, position: number): PlannedPrompt["prompt"] {
  const { promptKey, prompt, sent, negative, sourceId, meta } = row;
  return {
    promptKey,
    position,
    prompt,
    sent,
    negative,
    bound: canonicalJson(row.bound),
    references: canonicalJson(row.references),
    sourceId,
    meta,
  };
}

function toRow(variant: ReadyToPlan) {
  return {
    variant: variant.variant,
    workflow: variant.workflow,
    workflowSha256: variant.workflowSha256,
    // Bindings are JSON values; their interface has no index signature to say so.
    // Secrets are sent from the file, and never kept.
    graph: stringifyPython(withoutSecretInputs(variant.graph)),
    wrapper: stringifyPython(wrapperToKeep(variant.wrapper)),
    bindings: stringifyExact(variant.bound.bindings as unknown as Json),
    outputs: stringifyExact(variant.bound.outputs),
    params: canonicalJson(variant.params),
    loaderSignature: variant.loaderSignature,
    model: variant.model,
  };
}

function compareVariants(known: readonly VariantRow[], variants: readonly ReadyToPlan[]) {
  const names = new Set(variants.map((variant) => variant.variant));
  const before = new Set(known.map((row) => row.variant));
  return {
    newVariants: [...names].filter((name) => !before.has(name)),
    // Those of adopted images have no workflow, and are never set aside.
    inactiveVariants: known
      .filter((row) => row.state !== "inactive" && row.workflow !== "" && !names.has(row.variant))
      .map((row) => row.variant),
  };
}

interface FingerprintParts {
  readonly variants: readonly ReadyToPlan[];
  readonly promptsLimit: number | undefined;
}

/** Equal fingerprints mean an equal plan: reading a million prompts again at every start would cost a minute. */
async function fingerprintOf(config: Context["config"], { variants, promptsLimit }: FingerprintParts): Promise<string> {
  const fileHash = createHash("sha256");
  try {
    await pipeline(createReadStream(config.prompts.file), fileHash);
  } catch (error) {
    throw readError(config.prompts.file, error);
  }
  // Everything below is plain data that zod has checked.
  const prompts = config.prompts as unknown as Json;
  const { seeds: written } = config.candidates;
  const seeds = Array.isArray(written) ? written.map(String) : written;
  return identityHash({
    prompts,
    file: fileHash.digest("hex"),
    limit: promptsLimit ?? null,
    seed: config.seed,
    seeds,
    perPrompt: config.candidates.per_prompt,
    // Whole rows: bindings, params and what stands around the graph are no part of its hash, and jobs are made from them.
    variants: variants.map(toRow),
    uploads: uploadFolders(config.workflows),
  });
}
