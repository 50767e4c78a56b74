import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { stringify } from "yaml";

const WORKFLOWS = join(import.meta.dirname, "../../configs/workflows");

export interface ProjectOptions {
  readonly servers: readonly string[];
  /** Merged over the default configuration, section by section. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** One a line. */
  readonly prompts?: readonly string[];
  readonly workflow?: string;
}

/** A user's folder with a configuration, prompts and a workflow. */
export interface Project {
  readonly dir: string;
  readonly config: string;
  readonly runs: string;
  /** Writes the configuration again. */
  configure(config: Readonly<Record<string, unknown>>): void;
  /** Path → SHA-256 of every file of an exported version but the manifest, which has a time. */
  exported(version?: string): Readonly<Record<string, string>>;
  rows(version?: string): readonly Record<string, unknown>[];
  /** The number that a query answers, read beside the running program as any user may; 0 where there is no database yet. */
  count(query: string): number;
  /** The first column of what a query answers; [] where there is no database yet. */
  column(query: string): readonly unknown[];
  /** True if anything was written below `dir`. */
  started(): boolean;
  remove(): void;
}

export const PROMPTS = ["a red fox in the snow", "a lighthouse at night, oil painting", "two cups of tea", "a map of an island"];

export function makeProject({ servers, config = {}, prompts = PROMPTS, workflow = "sd15.json" }: ProjectOptions): Project {
  const dir = mkdtempSync(join(tmpdir(), "comfy-dpo-e2e-"));
  cpSync(join(WORKFLOWS, workflow), join(dir, "workflow.json"));
  writeFileSync(join(dir, "prompts.txt"), `${prompts.join("\n")}\n`);
  const file = join(dir, "pipeline.yaml");
  const base = {
    dataset: "e2e",
    dir: "runs",
    seed: 7,
    prompts: { file: "prompts.txt" },
    workflow: { file: "workflow.json", bind: { prompt: "2.text", seed: "class:KSampler#seed", width: "5.width", height: "5.height" } },
    candidates: { per_prompt: 3, variants: [{ name: "base", set: { width: 64, height: 64 } }] },
    servers: servers.map((url) => ({ url })),
    annotate: { filters: { near_duplicate: 0 } },
    // A folder's URIs hold its path: with a base of their own two projects can be compared byte for byte.
    export: { uri_base: "https://data.example/set", card: { license: "apache-2.0" } },
  };
  const configure = (changes: Readonly<Record<string, unknown>>): void =>
    writeFileSync(file, stringify({ ...base, ...config, ...changes }));
  configure({});
  const versionDir = (version: string): string => join(dir, "runs/export", version);
  return {
    dir,
    config: file,
    runs: join(dir, "runs"),
    configure,
    exported: (version = "v1") =>
      Object.fromEntries(
        readdirSync(versionDir(version), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && entry.name !== "manifest.json")
          .map((entry) => join(entry.parentPath, entry.name))
          .toSorted()
          .map((path) => [path.slice(versionDir(version).length + 1), createHash("sha256").update(readFileSync(path)).digest("hex")]),
      ),
    rows: (version = "v1") =>
      readdirSync(join(versionDir(version), "data"))
        .toSorted()
        .flatMap((name) => readFileSync(join(versionDir(version), "data", name), "utf8").split("\n"))
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>), // Rows are objects; seeds here are below 2^32.
    count: (query) => Number(columnOf(join(dir, "runs/pipeline.db"), query)[0] ?? 0),
    column: (query) => columnOf(join(dir, "runs/pipeline.db"), query),
    started: () => existsSync(join(dir, "runs")),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function columnOf(file: string, query: string): readonly unknown[] {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    return db.prepare(query).pluck().all();
  } catch (error) {
    if (error instanceof Database.SqliteError) return []; // Neither file nor tables yet.
    throw error;
  } finally {
    db?.close();
  }
}
