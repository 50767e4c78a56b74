import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const PYTHON = join(import.meta.dirname, "../../.venv/bin/python");
const SCRIPT = join(import.meta.dirname, "read_datasets.py");

/** What to load, and how. */
export interface LoadJob {
  readonly name: string;
  /** A version's folder, loaded by its card. */
  readonly folder?: string;
  /** Data files by split, loaded without a card. */
  readonly dataFiles?: Readonly<Record<string, string | readonly string[]>>;
  /** Python text of `Features(…)`. */
  readonly features?: string;
  /** Read at a time; types are inferred from the first. Default: 10 MiB. */
  readonly chunkBytes?: number;
}

/** One dataset as Python has it; integers over 2^53 - 1 as decimal text. */
export interface LoadedDataset {
  /** Rows by split, read by index. */
  readonly map: Readonly<Record<string, readonly unknown[]>>;
  /** Rows by split, read in order without a cache. */
  readonly streaming: Readonly<Record<string, readonly unknown[]>>;
  /** As `datasets` writes a card's features. */
  readonly features: { readonly map: unknown; readonly streaming: unknown };
}

/**
 * True if .venv has Hugging Face `datasets`. Where it has not, tests that need it are skipped by name; with REQUIRE_ALL_PARTS=1 that is
 * an error, so that an automatic check cannot pass by skipping.
 */
export function requirePythonDatasets(): boolean {
  if (hasPythonDatasets()) return true;
  if (process.env["REQUIRE_ALL_PARTS"] === "1") throw new Error("Python datasets is missing and REQUIRE_ALL_PARTS=1 allows no skip");
  process.stderr.write(`skipped: tests on Python datasets, because ${PYTHON} has no such package (test/parts.txt names it)\n`);
  return false;
}

function hasPythonDatasets(): boolean {
  if (!existsSync(PYTHON)) return false;
  const find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('datasets') is None)";
  return spawnSync(PYTHON, ["-c", find], { stdio: "ignore" }).status === 0;
}

/** Loads everything in one Python process, offline; `cacheDir` takes its caches. By the jobs' names. */
export async function loadWithDatasets(jobs: readonly LoadJob[], cacheDir: string): Promise<Readonly<Record<string, LoadedDataset>>> {
  const env = { ...process.env, HF_HOME: cacheDir, HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1", PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)(PYTHON, [SCRIPT, JSON.stringify(jobs)], { env, maxBuffer: 256 * 1024 * 1024 });
  // The script's last line, whatever libraries print before it.
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, LoadedDataset>;
}
