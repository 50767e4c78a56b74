import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Config, configSchema, type ConfigFile } from "../../src/config/schema.ts";
import type { Context } from "../../src/context.ts";
import { type Db, openDatabase } from "../../src/db/open.ts";
import type { Inspection } from "../../src/images/inspection.ts";
import { createBuiltinJudge } from "../../src/judges/builtin.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Log } from "../../src/lib/log.ts";
import { poolOf } from "./pool-of.ts";
import { createLastProgress } from "../../src/stages/last-progress.ts";
import { fileStore } from "../../src/stores/file/file.ts";

export interface TestDataset extends AsyncDisposable {
  readonly context: Context;
  readonly db: Db;
  /** Warnings so far. */
  readonly warnings: string[];
  /** The context under another `annotate` section. */
  with(annotate: object): Context;
  addPrompt(promptKey: string): void;
  /** A candidate of a prompt, run and listed unless `state` says otherwise. */
  addJob(job: string, options: { readonly promptKey: string; readonly state?: string; readonly variant?: string }): void;
  addImage(imageId: string, options: AddImage): void;
  /** A stored image with its bytes in the store. */
  storeImage(imageId: string, bytes: Uint8Array, options: AddImage): Promise<void>;
  addInspection(imageId: string, inspection?: Partial<Inspection> | { readonly error: string }): void;
  addScore(imageId: string, score: number | null, by?: { readonly judge?: string; readonly version?: string }): void;
  addVote(voteId: string, vote: AddVote): void;
}

export interface AddImage {
  readonly promptKey: string;
  readonly state?: "listed" | "stored" | "rejected" | "excluded";
  readonly variant?: string;
  readonly sha256?: string;
  readonly sizeBytes?: number;
}

export interface AddVote {
  readonly promptKey: string;
  readonly shown: readonly string[];
  readonly ranking?: readonly (readonly string[])[];
  readonly kind?: "choice" | "tie" | "both_bad" | "skip";
  readonly criterion?: string;
  readonly flags?: Readonly<Record<string, readonly string[]>>;
}

/** `i_…` of a short name: `imageId("a")` < `imageId("b")`. */
export function imageId(name: string): string {
  return `i_${Buffer.from(name).toString("hex").padEnd(32, "0").slice(0, 32)}`;
}

const sha256Of = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** A checked configuration as `loadConfig` answers it, without a file. */
export function testConfig(dir: string, annotate: object = {}): Config {
  const file: ConfigFile = configSchema.parse({
    dataset: "test",
    prompts: { file: "prompts.txt" },
    workflow: { file: "workflow.json", bind: { prompt: "1.text", seed: "2.seed" } },
    servers: [{ url: "http://127.0.0.1:1" }],
    annotate,
  });
  const from = ["people", ...file.annotate.judges.map(({ name }) => name)];
  const pairs = Object.fromEntries(
    Object.entries(file.annotate.pairs).map(([name, policy]) => [name, { ...policy, from: policy.from ?? from }]),
  );
  return {
    ...file,
    dir,
    configFile: join(dir, "pipeline.yaml"),
    seed: 0n,
    workflows: {},
    written: {},
    annotate: { ...file.annotate, pairs },
  };
}

/** A dataset in a folder of its own: a real database, a real store, no server. */
export async function openTestDataset(annotate: object = {}): Promise<TestDataset> {
  const dir = await mkdtemp(join(tmpdir(), "comfy-dpo-"));
  const db = openDatabase(join(dir, "pipeline.db"));
  const store = fileStore(pathToFileURL(join(dir, "images")).href);
  const warnings: string[] = [];
  const quiet = (): void => undefined;
  const log: Log = {
    error: quiet,
    warn: (message) => void warnings.push(message),
    info: quiet,
    debug: quiet,
    event: quiet,
    progress: quiet,
  };
  const { signal } = new AbortController();
  const context: Context = {
    config: testConfig(dir, annotate),
    db,
    store,
    comfy: poolOf(new Map()),
    judges: [createBuiltinJudge({ name: "quality" })],
    clock: systemClock,
    log,
    lastProgress: createLastProgress({ clock: systemClock, giveUpMs: 3_600_000 }),
    stopping: signal,
    signal,
  };
  const run = (sql: string, ...values: unknown[]): void => void db.client.prepare(sql).run(...values);

  const dataset: TestDataset = {
    context,
    db,
    warnings,
    with: (section) => ({ ...context, config: testConfig(dir, section) }),
    addPrompt(promptKey) {
      run(
        "insert or ignore into prompts (prompt_key, position, prompt, sent) values (?, 0, ?, ?)",
        promptKey,
        `a picture of ${promptKey}`,
        promptKey,
      );
    },
    addJob(job, { promptKey, state = "done", variant = "base" }) {
      dataset.addPrompt(promptKey);
      run(
        "insert or ignore into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values (?, 'main', 'w', '{}', '{}', '[]')",
        variant,
      );
      const reason = state === "failed" ? "oom" : null;
      run(
        "insert or ignore into jobs (job, prompt_key, variant, seed, seed_index, position, state, reason) values (?, ?, ?, '7', 0, 0, ?, ?)",
        job,
        promptKey,
        variant,
        state,
        reason,
      );
    },
    addImage(id, { promptKey, state = "stored", variant = "base", sha256 = sha256Of(id), sizeBytes = 1 }) {
      dataset.addJob(`job-${id}`, { promptKey, variant });
      run(
        `insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type, state, reason, key, sha256, bytes)
         values (?, ?, ?, 'u', 's', 1, '7', 0, 'f', '', 'output', ?, ?, ?, ?, ?)`,
        id,
        `job-${id}`,
        promptKey,
        state,
        state === "rejected" ? "corrupt" : null,
        `images/${id}.png`,
        sha256,
        sizeBytes,
      );
    },
    async storeImage(id, bytes, options) {
      await store.put(`images/${id}.png`, bytes, bytes.byteLength, { contentType: "image/png" });
      dataset.addImage(id, { ...options, sha256: sha256Of(bytes), sizeBytes: bytes.byteLength });
    },
    addInspection(id, inspection = {}) {
      if ("error" in inspection) return run("insert into inspections (image_id, error) values (?, ?)", id, inspection.error);
      const {
        widthPx = 64,
        heightPx = 64,
        pixelSha256 = sha256Of(`pixels ${id}`),
        perceptualHash = sha256Of(id).slice(0, 16),
      } = inspection;
      const { lumaStd = 40, sharpness = 10, entropy = 7 } = inspection;
      run(
        `insert into inspections (image_id, width, height, pixel_sha256, perceptual_hash, luma_std, sharpness, entropy) values (?, ?, ?, ?, ?, ?, ?, ?)`,
        id,
        widthPx,
        heightPx,
        pixelSha256,
        perceptualHash,
        lumaStd,
        sharpness,
        entropy,
      );
    },
    addScore(id, score, { judge = "quality", version = "1" } = {}) {
      run(
        "insert into scores (image_id, judge, version, prompt_key, score) select image_id, ?, ?, prompt_key, ? from images where image_id = ?",
        judge,
        version,
        score,
        id,
      );
    },
    addVote(voteId, { promptKey, shown, ranking = [], kind = "choice", criterion = "overall", flags = {} }) {
      run(
        "insert into votes (vote_id, prompt_key, criterion, annotator, shown, ranking, kind, flags, source) values (?, ?, ?, 'ann', ?, ?, ?, ?, 'test')",
        voteId,
        promptKey,
        criterion,
        JSON.stringify(shown),
        JSON.stringify(ranking),
        kind,
        JSON.stringify(flags),
      );
    },
    async [Symbol.asyncDispose]() {
      db.close();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return dataset;
}
