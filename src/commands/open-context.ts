import { existsSync } from "node:fs";
import { join } from "node:path";
import { commandHint } from "./command-hint.ts";
import type { CommandInput } from "./command.ts";
import { watchServers } from "./watch-servers.ts";
import { loadConfig } from "../config/load-config.ts";
import type { Config } from "../config/schema.ts";
import type { Context } from "../context.ts";
import { type CommandHint, expectDatabase, openDatabase } from "../db/open.ts";
import { acquireProcessLock } from "../db/process-lock.ts";
import { ensureDataset, findDataset, rememberPlan } from "../db/queries/overview/dataset.ts";
import { ConfigError } from "../errors.ts";
import { createLastProgress } from "../stages/last-progress.ts";
import { expectStorePlace, type StorePlace } from "../stages/store-place.ts";
import type { ObjectStore } from "../stores/object-store.ts";

/** Work that holds a lock of its own, so that it may run beside the others. */
type LockName = "generate" | "harvest" | "judge" | "link" | "serve";

/** The locks of `run`: all but that of the page for people, for which it never waits. */
export const ALL_LOCKS: readonly LockName[] = ["generate", "harvest", "judge", "link"];

export interface OpenOptions {
  readonly locks: readonly LockName[];
  /** Fires for --until and --for; counts as a good end. */
  readonly deadline?: AbortSignal;
  /** Refuses a dataset that no stage has planned yet, and changes nothing then. */
  readonly planned?: true;
  /** Opens a dataset that needs neither prompts nor workflows of its own: what is in it is adopted. */
  readonly unplanned?: true;
  /** Changes the configuration before anything is opened. */
  readonly adjust?: (config: Config) => Config;
}

/** The context and what has to be closed after it. */
export interface OpenContext extends AsyncDisposable {
  readonly context: Context;
}

/** Opens configuration, locks, database, store, clients and judges once; they close in reverse order. */
export async function openContext(input: CommandInput, { locks, deadline, adjust, planned, unplanned }: OpenOptions): Promise<OpenContext> {
  const loaded = loadConfig(input.options.config, { env: input.env });
  const config = adjust?.(loaded) ?? loaded;
  if (planned === true) expectDatabase(databaseFile(config), hintFor(input));
  const [{ openStore }, { claimPrefix, expectClaimable }, { openJudges }, { openComfyPool }] = await Promise.all([
    import("../stores/registry.ts"),
    import("../stores/ownership.ts"),
    import("../judges/registry.ts"),
    import("../comfy/client/pool.ts"),
  ]);
  await using opened = new AsyncDisposableStack();
  const { clock, signal } = input;
  const store = await openStore(config.store, { concurrency: config.harvest.concurrency });
  opened.defer(() => store.close());
  if (!existsSync(databaseFile(config))) {
    if (unplanned !== true) {
      const { checkPlan } = await import("../stages/plan/check-plan.ts");
      await checkPlan({ config, signal: input.signal });
    }
    await expectClaimable(store, { datasetName: config.dataset, datasetId: null }, { clock, signal });
  }
  for (const name of locks) {
    const lock = acquireProcessLock(config.dir, name);
    opened.defer(() => lock.release());
  }
  const db = openDatabase(databaseFile(config), input);
  opened.defer(() => db.close());
  const dataset = ensureDataset(db, { name: config.dataset, nowMs: input.clock.nowMs() });
  refuseOtherDataset(config, dataset.name);
  // Before the prefix is claimed: a refused start leaves no mark in the other store.
  const place = await expectStorePlace(dataset, { db, store, storeUri: config.store.uri, clock, signal });
  await claimPrefix(store, { datasetName: dataset.name, datasetId: dataset.datasetId }, { clock, signal });
  if (place.movedFrom !== null) {
    rememberPlan(db, { storeUri: config.store.uri });
    logMovedStore(place, { log: input.log, storeUri: config.store.uri });
  }
  const comfy = openComfyPool(config.servers);
  opened.defer(() => comfy.close());
  if (locks.includes("generate") || locks.includes("harvest")) {
    const watch = watchServers(input.options.config, { env: input.env, comfy, log: input.log });
    opened.defer(() => watch.close());
  }
  const judges = openJudges(config.annotate.judges);
  for (const judge of judges) opened.defer(() => judge.close?.());
  const context: Context = {
    config,
    db,
    store,
    comfy,
    judges,
    clock: input.clock,
    log: input.log,
    lastProgress: createLastProgress({ clock: input.clock, giveUpMs: config.generate.give_up_s * 1_000 }),
    stopping: deadline === undefined ? input.stopping : AbortSignal.any([input.stopping, deadline]),
    signal: input.signal,
  };
  const rest = opened.move();
  return { context, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

type StoreInput = Pick<CommandInput, "clock" | "signal">;

/**
 * Opens the store of a dataset for a command that only looks, or changes single objects, and takes no lock.
 * @throws as expectStorePlace() where the place is another one than until now, or another dataset's.
 */
export async function openDatasetStore(
  { config, db }: Pick<Context, "config" | "db">,
  { clock, signal }: StoreInput,
): Promise<ObjectStore> {
  const { openStore } = await import("../stores/registry.ts");
  const { expectClaimable } = await import("../stores/ownership.ts");
  const store = await openStore(config.store, { concurrency: config.harvest.concurrency });
  try {
    const dataset = findDataset(db);
    if (dataset === undefined) return store;
    // At the place where it always was, verify names each missing image.
    if (dataset.storeUri === config.store.uri) {
      await expectClaimable(store, { datasetName: dataset.name, datasetId: dataset.datasetId }, { clock, signal });
    } else await expectStorePlace(dataset, { db, store, storeUri: config.store.uri, clock, signal });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Logs that the store has moved: from now on only the copy at the new place grows. */
function logMovedStore({ movedFrom, missing }: StorePlace, { log, storeUri }: Pick<Context, "log"> & { readonly storeUri: string }): void {
  log.info(
    `The store has moved from ${movedFrom} to ${storeUri}: images are read and stored there from now on. A copy at the old place no longer grows`,
  );
  if (missing > 0) log.warn(`${missing} of the images looked for at the new place are missing. Run verify to list all that are`);
}

/** Hints that name the configuration as the user did. */
export function hintFor(input: Pick<CommandInput, "options">): CommandHint {
  return (words) => commandHint(words, input.options.config);
}

/** Returns the path of the dataset's database. */
export function databaseFile(config: Pick<Config, "dir">): string {
  return join(config.dir, "pipeline.db");
}

/** @throws {ConfigError} if `dir` holds a dataset of another name. */
export function refuseOtherDataset(config: Config, name: string): void {
  if (name === config.dataset) return;
  throw new ConfigError(`Cannot use ${config.dir} for the dataset "${config.dataset}": it holds the dataset "${name}"`, {
    hint: `set another \`dir\`, or dataset: ${name}`,
  });
}
