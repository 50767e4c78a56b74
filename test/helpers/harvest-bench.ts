import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { expect } from "vitest";
import { comfyClient, type ComfyClient } from "../../src/comfy/client/client.ts";
import { poolOf } from "./pool-of.ts";
import { startEmulators, type Emulator, type EmulatorOptions } from "../../src/emulator/emulator.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Context } from "../../src/context.ts";
import { openDatabase, type Db } from "../../src/db/open.ts";
import { filenamePrefixOf, imageIdOf, promptIdOf } from "../../src/identity.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { identityHash, type JsonObject } from "../../src/lib/exact-json.ts";
import type { Log } from "../../src/lib/log.ts";
import { harvest } from "../../src/stages/harvest/harvest.ts";
import { createLastProgress } from "../../src/stages/last-progress.ts";
import { nothingUpstream, type StageReport } from "../../src/stages/stage.ts";
import { fileStore } from "../../src/stores/file/file.ts";
import type { ObjectStore } from "../../src/stores/object-store.ts";
import { testConfig } from "./annotated-dataset.ts";

const DATASET = "test";
const DATASET_ID = "00000000-0000-4000-8000-000000000000";

export interface HarvestBench extends AsyncDisposable {
  readonly db: Db;
  readonly dir: string;
  readonly emulators: readonly Emulator[];
  readonly comfy: Map<string, ComfyClient>;
  readonly store: ObjectStore;
  readonly events: { readonly event: string; readonly fields: JsonObject }[];
  readonly warnings: string[];
  /** Has jobs run at a server and their images listed, as generate leaves them; those planned are given their next attempt. */
  generate(jobs: number, options?: { readonly emulator?: Emulator; readonly batchSize?: number }): Promise<void>;
  /** Runs the jobs that harvest planned again. Answers how many there were. */
  regenerate(): Promise<number>;
  harvest(changes?: BenchChanges): Promise<StageReport>;
  /** Harvests, runs again what was planned again, and so on until nothing is planned. */
  harvestAll(changes?: BenchChanges): Promise<void>;
  /** The values of one column, in order of the row. */
  column(sql: string): unknown[];
  /** Counts by state. */
  states(table: "images" | "jobs"): Record<string, number>;
  /** Every stored image has its object, and every object is a whole one with the recorded checksum. */
  expectStoreIsSound(): Promise<void>;
}

export interface BenchChanges extends Partial<Pick<Context, "store" | "clock" | "stopping" | "signal">> {
  readonly comfy?: ReadonlyMap<string, ComfyClient>;
  readonly generate?: Partial<Config["generate"]>;
  readonly config?: Partial<Config["harvest"]>;
  readonly metadata?: Config["store"]["metadata"];
  /** Of every server. */
  readonly outputDir?: string;
}

export interface BenchOptions extends EmulatorOptions {
  readonly servers?: number;
  readonly store?: ObjectStore;
  /** Of the clients, ms. */
  readonly timeoutMs?: number;
}

/** Emulators, a database and a store, ready to harvest. */
export async function harvestBench(options: BenchOptions = {}): Promise<HarvestBench> {
  const dir = await mkdtemp(join(tmpdir(), "comfy-dpo-harvest-"));
  const db = openDatabase(join(dir, "pipeline.db"));
  const emulators = await startEmulators(options.servers ?? 1, options);
  const clients = emulators.map(({ url }) => comfyClient({ url, headers: {}, timeoutMs: options.timeoutMs ?? 5_000 }));
  const comfy = new Map(clients.map((client) => [client.url, client]));
  const store = options.store ?? fileStore(pathToFileURL(join(dir, "images")).href);
  const config = testConfig(dir);
  const events: { event: string; fields: JsonObject }[] = [];
  const warnings: string[] = [];
  const log: Log = {
    error: () => undefined,
    warn: (message) => void warnings.push(message),
    info: () => undefined,
    debug: () => undefined,
    event: (event, fields) => void events.push({ event, fields }),
    progress: (_stage, { done, failed, total }) => expect(done + failed).toBeLessThanOrEqual(total),
  };
  const never = new AbortController().signal;
  const batchSizes = new Map<string, number>();
  let made = 0;
  db.client.exec(`insert into prompts (prompt_key, position, prompt, sent) values ('p_1', 0, 'a cat', 'a cat');
    insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', '', '{}', '{}', '["3"]')`);
  db.client.prepare("update variants set graph = ?").run(JSON.stringify(graphOf({ job: "", seed: "0" }, 1)));
  const insertJob = db.client.prepare(
    `insert into jobs (job, prompt_key, variant, seed, seed_index, position) values (?, 'p_1', 'base', ?, 0, ?)`,
  );
  const finishJob = db.client.prepare(
    `update jobs set state = 'done', attempt = ?, prompt_id = ?, server = ?, free_first = 0 where job = ?`,
  );
  const listImage = db.client.prepare(`
    insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type)
    values (?, ?, 'p_1', ?, ?, ?, '3', ?, ?, ?, ?)
    on conflict (image_id) do update set prompt_id = excluded.prompt_id, server = excluded.server, attempt = excluded.attempt,
      filename = excluded.filename, subfolder = excluded.subfolder, state = 'listed', bad_fetches = 0 where images.state <> 'stored'`);

  async function runJob(job: JobToRun, { url }: Emulator): Promise<void> {
    const promptId = promptIdOf(DATASET_ID, job.job, job.attempt);
    const batchSize = batchSizes.get(job.job) ?? 1;
    const post = (path: string, body: object) => fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
    if (job.freeFirst === 1) await post("/free", { free_memory: true });
    expect((await post("/prompt", { prompt: graphOf(job, batchSize), prompt_id: promptId, client_id: "bench" })).status).toBe(200);
    let images: readonly SavedImage[] = [];
    const finished = async (): Promise<number> => {
      const history = (await (await fetch(`${url}/history/${promptId}`)).json()) as History;
      images = history[promptId]?.outputs["3"]?.images ?? [];
      return images.length;
    };
    await expect.poll(finished, { timeout: 10_000, interval: 5 }).toBe(batchSize);
    db.client.transaction(() => {
      finishJob.run(job.attempt, promptId, url, job.job);
      for (const [index, { filename, subfolder, type }] of images.entries()) {
        listImage.run(
          imageIdOf(job.job, { nodeId: "3", batchIndex: index, generation: 0 }),
          job.job,
          promptId,
          url,
          job.attempt,
          index,
          filename,
          subfolder,
          type,
        );
      }
    })();
  }

  async function runAll(jobs: readonly JobToRun[], emulator?: Emulator): Promise<void> {
    const waiting = jobs.map((job, index) => ({ job, emulator: emulator ?? emulators[index % emulators.length]! }));
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await runJob(next.job, next.emulator);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  }

  const bench: HarvestBench = {
    db,
    dir,
    emulators,
    comfy,
    store,
    events,
    warnings,
    async generate(count, { emulator, batchSize = 1 } = {}) {
      const jobs = Array.from({ length: count }, () => {
        const job = { job: identityHash(`job ${made}`), seed: String(made), attempt: 1, freeFirst: 0 as const };
        batchSizes.set(job.job, batchSize);
        insertJob.run(job.job, job.seed, made++);
        return job;
      });
      await runAll(jobs, emulator);
    },
    async regenerate() {
      const jobs = db.client
        .prepare(`select job, seed, attempt + 1 as attempt, free_first as freeFirst from jobs where state = 'planned'`)
        .all();
      await runAll(jobs as JobToRun[]);
      return jobs.length;
    },
    harvest: ({ generate, config: harvestConfig, comfy: clientsByUrl, metadata = "keep", outputDir = null, ...changes } = {}) =>
      harvest(
        {
          config: {
            ...config,
            generate: { ...config.generate, ...generate },
            harvest: { ...config.harvest, ...harvestConfig },
            store: { ...config.store, metadata },
          },
          db,
          store,
          comfy: poolOf(clientsByUrl ?? comfy, outputDir),
          clock: systemClock,
          log,
          lastProgress: createLastProgress({
            clock: changes.clock ?? systemClock,
            giveUpMs: (generate?.give_up_s ?? config.generate.give_up_s) * 1_000,
          }),
          stopping: never,
          signal: never,
          ...changes,
        },
        nothingUpstream,
      ),
    async harvestAll(changes) {
      do await bench.harvest(changes);
      while ((await bench.regenerate()) > 0);
    },
    column: (sql) => db.client.prepare(sql).pluck().all(),
    states(table) {
      const rows = db.client.prepare(`select state, count(*) as count from ${table} group by state`).all() as {
        state: string;
        count: number;
      }[];
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
    async expectStoreIsSound() {
      const rows = db.client.prepare(`select key, sha256, bytes from images where state = 'stored' order by key`).all() as StoredRow[];
      for (const { key, sha256, bytes } of rows) {
        const object = await buffer((await store.get(key))!);
        expect({ key, sha256: createHash("sha256").update(object).digest("hex"), bytes: object.length }).toEqual({ key, sha256, bytes });
      }
      const keys = (await Array.fromAsync(store.list("images/"))).map(({ key }) => key);
      expect(keys).toEqual(rows.map(({ key }) => key));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...comfy.values()].map((client) => client.close()));
      await Promise.all(emulators.map((emulator) => emulator.stop()));
      db.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return bench;
}

interface JobToRun {
  readonly job: string;
  readonly seed: string;
  readonly attempt: number;
  readonly freeFirst: 0 | 1;
}

interface SavedImage {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

type History = Readonly<Record<string, { readonly outputs: Readonly<Record<string, { readonly images: readonly SavedImage[] }>> }>>;

interface StoredRow {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The graph of test/fixtures' workflow_tiny.json with this job's values. */
function graphOf({ job, seed }: Pick<JobToRun, "job" | "seed">, batchSize: number): object {
  return {
    "1": { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: batchSize, color: 3368601 } },
    "2": { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: Number(seed), strength: 0.5 } },
    "3": { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: filenamePrefixOf(DATASET, job) } },
  };
}
