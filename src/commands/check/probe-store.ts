import { existsSync } from "node:fs";
import { access, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../../config/schema.ts";
import { openReadonly, type Db } from "../../db/open.ts";
import { findDataset } from "../../db/queries/overview/dataset.ts";
import { FatalError } from "../../errors.ts";
import { expectStorePlace } from "../../stages/store-place.ts";
import { retry, RETRIES } from "../../lib/retry.ts";
import { databaseFile } from "../open-context.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { expectClaimable, settleObject, type StartOptions } from "../../stores/ownership.ts";
import { openStore } from "../../stores/registry.ts";
import { failedFinding, type Finding } from "./finding.ts";

/** One name for all checks: where deleting is refused, one object stays and not one for each check. */
const PROBE = { key: ".comfy-dpo-check", bytes: Buffer.from("comfy-dpo check\n"), contentType: "text/plain" } as const;

/** Makes the calls of a start at the place of images, with an object of its own. Leaves nothing, not even folders. */
export function probeStore(config: Config, options: StartOptions): Promise<readonly Finding[]> {
  return probe("store", config.store, options, async (store) => {
    await expectPlace(config, store, options);
    await settle(store, options);
    return `${store.uri}: read and wrote a probe, as a start does`;
  });
}

/** Makes the calls of an export at the place of versions: it lists what is there, and then as probeStore(). */
export function probeExport(settings: Config["store"], options: StartOptions): Promise<readonly Finding[]> {
  return probe("export", settings, options, async (store) => {
    const listed = async (): Promise<void> => {
      for await (const _ of store.list("", options.signal)) return;
    };
    await retry(listed, { limits: RETRIES.store, ...options });
    await settle(store, options);
    return `${store.uri}: listed it, read and wrote a probe, as an export does`;
  });
}

type Calls = (store: ObjectStore) => Promise<string>;

async function probe(what: string, settings: Config["store"], options: StartOptions, calls: Calls): Promise<readonly Finding[]> {
  let store: ObjectStore | null = null;
  let made: readonly string[] = [];
  try {
    store = await openStore(settings, { concurrency: 1 });
    made = settings.uri.startsWith("file:") ? await missingFolders(fileURLToPath(store.uri)) : [];
    const found: Finding = { what, ok: true, text: await calls(store) };
    return [found, ...(await removeProbe(what, store, options))];
  } catch (error) {
    return [failedFinding(what, error)];
  } finally {
    await store?.close();
    for (const folder of made) await rmdir(folder).catch(() => undefined); // Not made after all, or in use by now.
  }
}

async function settle(store: ObjectStore, options: StartOptions): Promise<void> {
  const accept = (found: Buffer): void => {
    if (found.equals(PROBE.bytes)) return;
    throw new FatalError(`Cannot trust ${store.uri}: ${PROBE.key} holds other bytes than were written there`, {
      hint: `delete ${PROBE.key} there and check again; if it comes back, something changes what is stored`,
    });
  };
  await settleObject(store, PROBE, { ...options, accept });
}

/** No night needs to delete: what does is named, and the probe stays. */
async function removeProbe(what: string, store: ObjectStore, { clock, signal }: StartOptions): Promise<readonly Finding[]> {
  try {
    await retry(() => store.delete(PROBE.key, signal), { limits: RETRIES.store, clock, signal });
    return [];
  } catch (error) {
    const { text } = failedFinding(what, error);
    return [{ what, ok: true, warning: true, text: `${text}. Only exclude --redo, prune and a continued export delete; the probe stays` }];
  }
}

/** Looks whether a start would take the place, once nothing has to be migrated first. */
async function expectPlace(config: Config, store: ObjectStore, options: StartOptions): Promise<void> {
  const claimant = { datasetName: config.dataset, datasetId: null };
  if (!existsSync(databaseFile(config))) {
    await expectClaimable(store, claimant, options);
    return;
  }
  const db = readableDatabase(config);
  if (db === null) return;
  try {
    const dataset = findDataset(db);
    if (dataset === undefined) await expectClaimable(store, claimant, options);
    else await expectStorePlace(dataset, { db, store, storeUri: config.store.uri, ...options });
  } finally {
    db.close();
  }
}

/** Null where the next stage brings it up to date first, or says what is wrong with it. */
function readableDatabase(config: Config): Db | null {
  try {
    return openReadonly(databaseFile(config));
  } catch (error) {
    if (error instanceof FatalError) return null;
    throw error;
  }
}

/** Folders that the probe will make, innermost first. */
async function missingFolders(folder: string): Promise<readonly string[]> {
  // Where objects are written before they have their name: the store's own.
  const missing = [join(folder, ".partial")];
  for (let path = folder; path !== dirname(path); path = dirname(path)) {
    try {
      await access(path);
      return missing;
    } catch {
      missing.push(path); // Not there: look at its parent.
    }
  }
  return missing;
}
