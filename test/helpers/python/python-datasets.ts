import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../../..");
const SCRIPT = join(import.meta.dirname, "read_datasets.py");

/** The versions of `datasets` that exports are read with: where loading changed, and the newest. */
export const DATASETS_VERSIONS = ["2.21", "3.6", "4.0", "5.2"] as const;

export type DatasetsVersion = (typeof DATASETS_VERSIONS)[number];

/** What to load, and how. */
export interface LoadJob {
  readonly name: string;
  /** A version's folder, loaded by its card. */
  readonly folder?: string;
  /** Of the card's configurations; default: its default one. */
  readonly config?: string;
  /** Data files by split, loaded without a card. */
  readonly dataFiles?: Readonly<Record<string, string | readonly string[]>>;
  /** Python text of `Features(…)`. */
  readonly features?: string;
  /** Read at a time; types are inferred from the first. Default: 10 MiB. */
  readonly chunkBytes?: number;
  /** True: not as a stream, which some places cannot (datasets#7295). */
  readonly onlyMap?: boolean;
}

/** Longer texts come as their SHA-256: thousands of megabytes would not fit between two processes. */
const TEXT_CHARS_MAX = 100_000;

/** A text as `LoadedDataset` has it. */
export function loadedText(value: string): string {
  return value.length > TEXT_CHARS_MAX ? `sha256 ${createHash("sha256").update(value).digest("hex")}` : value;
}

/** One dataset as Python has it; integers over 2^53 - 1 as decimal text, long texts as `loadedText` has them. */
export interface LoadedDataset {
  /** Rows by split, read by index. */
  readonly map: Readonly<Record<string, readonly unknown[]>>;
  /** Rows by split, read in order without a cache; none with `onlyMap`. */
  readonly streaming: Readonly<Record<string, readonly unknown[]>>;
  /** As `datasets` writes a card's features. */
  readonly features: { readonly map: unknown; readonly streaming: unknown };
}

/** Python with a version of Hugging Face `datasets`; without one, that of .venv. */
export function datasetsPython(version?: DatasetsVersion): string {
  return join(ROOT, version === undefined ? ".venv" : `.venv-datasets-${version}`, "bin/python");
}

/**
 * True if a Python has Hugging Face `datasets`. Where it has not, tests that need it are skipped by name; with REQUIRE_ALL_PARTS=1 that is
 * an error, so that an automatic check cannot pass by skipping.
 */
export function requirePythonDatasets(version?: DatasetsVersion): boolean {
  if (hasPythonDatasets(version)) return true;
  const what = `Python datasets${version === undefined ? "" : ` ${version}`}`;
  if (process.env["REQUIRE_ALL_PARTS"] === "1") throw new Error(`${what} is missing and REQUIRE_ALL_PARTS=1 allows no skip`);
  const list = version === undefined ? "test/parts.txt" : `test/parts-datasets-${version}.txt`;
  process.stderr.write(`skipped: tests on ${what}, because ${datasetsPython(version)} has no such package (${list} names it)\n`);
  return false;
}

function hasPythonDatasets(version: DatasetsVersion | undefined): boolean {
  const python = datasetsPython(version);
  if (!existsSync(python)) return false;
  const find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('datasets') is None)";
  return spawnSync(python, ["-c", find], { stdio: "ignore" }).status === 0;
}

export interface PythonOptions {
  /** Takes the caches of `datasets`. */
  readonly cacheDir: string;
  /** Default: the Python of .venv. */
  readonly version?: DatasetsVersion | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a script offline, and answers what the last line of its output says in JSON, whatever libraries print before it. */
export async function runPython(args: readonly string[], { cacheDir, version, env = {} }: PythonOptions): Promise<unknown> {
  const offline = { HF_HOME: cacheDir, HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1", PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)(datasetsPython(version), args, {
    env: { ...process.env, ...offline, ...env },
    maxBuffer: 256 * 1024 * 1024,
  });
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

/** Loads everything in one Python process, offline; `cacheDir` takes its caches. By the jobs' names. */
export async function loadWithDatasets(
  jobs: readonly LoadJob[],
  cacheDir: string,
  options: Omit<PythonOptions, "cacheDir"> = {},
): Promise<Readonly<Record<string, LoadedDataset>>> {
  // The script writes what LoadedDataset says.
  return (await runPython([SCRIPT, JSON.stringify(jobs)], { cacheDir, ...options })) as Record<string, LoadedDataset>;
}
