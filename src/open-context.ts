import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CommandInput } from "./commands/command.ts";
import { loadConfig } from "./config/load-config.ts";
import { watchServers } from "./watch-servers.ts";
import type { Config } from "./config/schema.ts";
import type { Context } from "./context.ts";
import { ensureDataset } from "./db/queries/dataset.ts";
import { acquireProcessLock } from "./db/process-lock.ts";
import { expectDatabase, openDatabase, type CommandHint } from "./db/open.ts";
import { ConfigError } from "./errors.ts";
import { commandHint } from "./lib/command-hint.ts";
import { refuseOtherStore } from "./stages/refuse-mixing.ts";

/** What runs for itself and may run beside the others. */
export type LockName = "generate" | "harvest" | "judge" | "link" | "serve";

/** What `run` takes: all but the page for people, for whom it never waits. */
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
  const loaded = loadConfig(configFileOf(input), { env: input.env });
  const config = adjust?.(loaded) ?? loaded;
  if (planned === true) expectDatabase(databaseFile(config), hintFor(input));
  const [{ openStore }, { claimPrefix, expectClaimable }, { openJudges }, { openComfyPool }] = await Promise.all([
    import("./stores/registry.ts"),
    import("./stores/ownership.ts"),
    import("./judges/registry.ts"),
    import("./comfy/pool.ts"),
  ]);
  await using opened = new AsyncDisposableStack();
  const { clock, signal } = input;
  const store = await openStore(config.store, { concurrency: config.harvest.concurrency });
  opened.defer(() => store.close());
  if (!existsSync(databaseFile(config))) {
    if (unplanned !== true) {
      const { checkPlan } = await import("./stages/check-plan.ts");
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
  refuseOtherStore(config, dataset);
  await claimPrefix(store, { datasetName: dataset.name, datasetId: dataset.datasetId }, { clock, signal });
  const comfy = openComfyPool(config.servers);
  opened.defer(() => comfy.close());
  if (locks.includes("generate") || locks.includes("harvest")) {
    const watch = watchServers(configFileOf(input), { env: input.env, comfy, log: input.log });
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
    stopping: deadline === undefined ? input.stopping : AbortSignal.any([input.stopping, deadline]),
    signal: input.signal,
  };
  const rest = opened.move();
  return { context, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

export function configFileOf(input: Pick<CommandInput, "options">): string {
  return String(input.options["config"]);
}

/** Hints that name the configuration as the user did. */
export function hintFor(input: Pick<CommandInput, "options">): CommandHint {
  return (words) => commandHint(words, configFileOf(input));
}

export function databaseFile(config: Pick<Config, "dir">): string {
  return join(config.dir, "pipeline.db");
}

/** @throws {ConfigError} where `dir` holds a dataset of another name. */
export function refuseOtherDataset(config: Config, name: string): void {
  if (name === config.dataset) return;
  throw new ConfigError(`Cannot use ${config.dir} for the dataset "${config.dataset}": it holds the dataset "${name}"`, {
    hint: `set another \`dir\`, or dataset: ${name}`,
  });
}
