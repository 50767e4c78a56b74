import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { configSchema, type Config } from "../../../src/config/schema.ts";
import { openDatabase, type Db } from "../../../src/db/open.ts";
import * as tables from "../../../src/db/schema/tables.ts";
import { candidateOf, imageIdOf, promptKeyOf, referenceKeyOf, rowIdOf, storeKeyOf } from "../../../src/identity.ts";
import { canonicalJson, type JsonObject } from "../../../src/lib/exact-json.ts";
import type { Log } from "../../../src/lib/log.ts";
import { exportDataset, type ExportNeeds, type ExportOptions, type ExportReport } from "../../../src/stages/export/export.ts";
import { fileStore } from "../../../src/stores/file/file.ts";

export const STORE_URI = "s3://bucket/prefix";

/** A linked row as a test wants it; what is left out is unremarkable. */
export interface FixtureRow {
  readonly prompt: string;
  readonly sent?: string;
  readonly negative?: string;
  readonly meta?: JsonObject;
  readonly sourceId?: string;
  readonly bound?: JsonObject;
  /** Bound name → content of a stored image; equal text is an equal sha256. */
  readonly references?: Readonly<Record<string, string>>;
  readonly criterion?: string;
  readonly pairSet?: string;
  readonly source?: string;
  /** Of the chosen, then of the rejected, best first. */
  readonly scores?: readonly (number | null)[];
  readonly margin?: number | null;
  readonly agreement?: number | null;
  readonly nVotes?: number;
  readonly seeds?: readonly string[];
  readonly variants?: readonly string[];
  /** Contents of the images' files; equal text is an equal sha256. */
  readonly contents?: readonly string[];
  readonly state?: "stored" | "excluded";
}

export interface AddedRow {
  readonly rowId: string;
  readonly promptKey: string;
  readonly imageIds: readonly string[];
}

export interface Fixture extends AsyncDisposable {
  readonly db: Db;
  readonly dir: string;
  readonly exportDir: string;
  readonly needs: ExportNeeds;
  readonly messages: string[];
  addRow(row: FixtureRow): AddedRow;
  addVariant(variant: string, facts?: { readonly model?: string; readonly params?: JsonObject }): void;
  /** Exports under another `export` section. */
  export(section?: object, options?: Partial<ExportOptions>, needs?: Partial<ExportNeeds>): Promise<ExportReport>;
  /** Every file of the export folder, by path. */
  files(): Promise<ReadonlyMap<string, Buffer>>;
}

/** No samples on the card, unless a test says so: the fixture's images have no images. */
export function fixtureConfig(dir: string, section: { readonly card?: object } = {}): Config {
  const file = configSchema.parse({
    dataset: "fixture",
    prompts: { file: "prompts.txt" },
    workflow: { file: "workflow.json", bind: { prompt: "2.text", seed: "5.seed" } },
    servers: [{ url: "http://127.0.0.1:8188" }],
    annotate: { pairs: { main: { from: ["people", "quality"] }, strict: { from: ["quality"] } } },
    export: { ...section, card: { samples: 0, ...section.card } },
  });
  const { annotate, ...rest } = file;
  const pairs = Object.fromEntries(Object.entries(annotate.pairs).map(([name, policy]) => [name, { ...policy, from: policy.from ?? [] }]));
  return {
    ...rest,
    annotate: { ...annotate, pairs },
    export: { ...file.export, uri: file.export.uri === "export" ? join(dir, "export") : file.export.uri },
    store: { ...file.store, uri: STORE_URI },
    dir,
    configFile: join(dir, "pipeline.yaml"),
    written: {},
    seed: 0n,
    workflows: {},
  };
}

export async function openFixture(): Promise<Fixture> {
  const dir = await mkdtemp(join(tmpdir(), "comfy-dpo-export-"));
  const db = openDatabase(join(dir, "pipeline.db"));
  db.orm.insert(tables.dataset).values({ id: 1, name: "fixture", datasetId: "0", promptIdNamespace: "0", createdAtMs: 0 }).run();
  const messages: string[] = [];
  const note = (message: string): void => void messages.push(message);
  const quiet = (): void => undefined;
  const log: Log = { error: note, warn: note, info: note, debug: quiet, event: quiet, progress: quiet };
  const { signal } = new AbortController();
  const needs: ExportNeeds = {
    config: fixtureConfig(dir),
    db,
    judges: [
      { name: "quality", version: "1", technical: true, score: () => Promise.resolve([]) },
      { name: "aesthetic", version: "2", technical: false, score: () => Promise.resolve([]) },
    ],
    log,
    clock: { nowMs: () => 1_767_225_600_000, sleep: () => Promise.resolve() },
    stopping: signal,
    signal,
  };
  const exportDir = join(dir, "export");
  const fixture: Fixture = {
    db,
    dir,
    exportDir,
    needs,
    messages,
    addRow: (row) => addRow(db, row),
    addVariant: (variant, facts) => addVariant(db, variant, facts),
    export: (section = {}, options = {}, other = {}) =>
      exportDataset(
        { ...needs, config: fixtureConfig(dir, section), ...other },
        { complete: true, configHash: "c0ffee", openStore: (uri) => Promise.resolve(fileStore(uri)), env: {}, ...options },
      ),
    files: () => readTree(exportDir),
    async [Symbol.asyncDispose]() {
      db.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  fixture.addVariant("base", { model: "sd15.safetensors", params: { cfg: 7, steps: 20 } });
  return fixture;
}

function addVariant(
  db: Db,
  variant: string,
  { model = "", params = {} }: { readonly model?: string; readonly params?: JsonObject } = {},
): void {
  db.orm
    .insert(tables.variants)
    .values({
      variant,
      workflow: "main",
      workflowSha256: "w",
      graph: "{}",
      bindings: "{}",
      outputs: "[]",
      model,
      params: canonicalJson(params),
    })
    .onConflictDoNothing()
    .run();
}

let position = 0;

function addRow(db: Db, row: FixtureRow): AddedRow {
  const { prompt, sent = prompt, negative = "", meta = {}, sourceId = null, bound = {}, state = "stored" } = row;
  const { criterion = "overall", pairSet = "main", source = "judge:quality", scores = [0.8, 0.2], agreement = null, nVotes = 0 } = row;
  const references = Object.fromEntries(Object.entries(row.references ?? {}).map(([name, content]) => [name, addReference(db, content)]));
  const promptKey = promptKeyOf({ text: prompt, negative, references, bound });
  db.orm
    .insert(tables.prompts)
    .values({
      promptKey,
      position: position++,
      prompt,
      sent,
      negative,
      sourceId,
      bound: canonicalJson(bound),
      references: canonicalJson(references),
      meta: canonicalJson(meta),
    })
    .onConflictDoNothing()
    .run();
  const imageIds = scores.map((score, index) => {
    const variant = row.variants?.[index] ?? "base";
    const seed = row.seeds?.[index] ?? String(1_000 + index);
    const job = candidateOf({ promptKey, variant, workflowSha256: "w", seed: BigInt(seed) });
    const imageId = imageIdOf(job, { nodeId: "7", batchIndex: 0, generation: 0 });
    const key = storeKeyOf(imageId, "png");
    const sha256 = createHash("sha256")
      .update(row.contents?.[index] ?? imageId)
      .digest("hex");
    db.orm
      .insert(tables.jobs)
      .values({ job, promptKey, variant, seed, seedIndex: index, position: 0, state: "done" })
      .onConflictDoNothing()
      .run();
    db.orm
      .insert(tables.images)
      .values({
        imageId,
        job,
        promptKey,
        promptId: "u",
        server: "http://127.0.0.1:8188",
        attempt: 1,
        nodeId: "7",
        batchIndex: 0,
        filename: "f",
        subfolder: "",
        type: "output",
        state,
        key,
        sha256,
        bytes: 100 + index,
        format: "png",
        width: 64,
        height: 64,
      })
      .onConflictDoNothing()
      .run();
    db.orm.insert(tables.inspections).values({ imageId, pixelSha256: sha256, width: 64, height: 64 }).onConflictDoNothing().run();
    db.orm.insert(tables.scores).values({ imageId, judge: "quality", version: "1", promptKey, score }).onConflictDoNothing().run();
    return imageId;
  });
  const [chosen = "", ...rejected] = imageIds;
  const rowId = rowIdOf(promptKey, criterion, chosen, rejected);
  const [first = null, second = null] = scores;
  const margin = row.margin === undefined ? (first === null || second === null ? null : first - second) : row.margin;
  const { lastInsertRowid: place } = db.orm
    .insert(tables.preferences)
    .values({
      pairSet,
      rowId,
      promptKey,
      criterion,
      chosen,
      source,
      margin,
      agreement,
      nVotes,
      nCandidates: scores.length,
      chosenScore: first,
    })
    .run();
  for (const [rank, imageId] of rejected.entries()) {
    db.orm
      .insert(tables.preferenceRejected)
      .values({ place: Number(place), rank, imageId, score: scores[rank + 1] ?? null })
      .run();
  }
  return { rowId, promptKey, imageIds };
}

/** Answers the sha256. */
function addReference(db: Db, content: string): string {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const key = referenceKeyOf(sha256, "png");
  db.orm
    .insert(tables.referenceFiles)
    .values({ sha256, extension: "png", bytes: 10 + content.length, key })
    .onConflictDoNothing()
    .run();
  return sha256;
}

/** Files under a folder by path with slashes; none where there is no folder. */
export async function readTree(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.toSorted().map(async (path) => [relative(folder, path), await readFile(path)] as const)));
}
