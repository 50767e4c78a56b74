import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";

const FOLDER = join(import.meta.dirname, "../fixtures/databases");
/** Where the datasets were made (test/fixtures/databases/make.ts). */
const MADE_IN = "/tmp/comfy-dpo-upgrade";

/** Names of the datasets that programs of earlier schemas made: `0000`, `0001`, … */
export const OLD_DATASETS: readonly string[] = readdirSync(FOLDER)
  .flatMap((file) => /^(\d{4}.*)\.tar\.gz$/.exec(file)?.slice(1) ?? [])
  .toSorted();

/** A copy of an old dataset, in another place than it was made in. */
export interface OldDataset extends Disposable {
  readonly dir: string;
  readonly config: string;
  readonly database: string;
  /** Of the store and of the versions, `file:///…`, where they were made, and where they are now. */
  readonly place: { readonly before: string; readonly now: string };
  /** Folder of a version. */
  version(name: string): string;
  /** Rows of `data/` in a version, in the order of the files. */
  rows(version: string): readonly Readonly<Record<string, unknown>>[];
  latest(): string;
}

export function unpackOldDataset(name: string): OldDataset {
  const dir = mkdtempSync(join(tmpdir(), `comfy-dpo-old-${name}-`));
  execFileSync("tar", ["-xzf", join(FOLDER, `${name}.tar.gz`), "-C", dir]);
  const version = (of: string): string => join(dir, "runs/export", of);
  return {
    dir,
    config: join(dir, "pipeline.yaml"),
    database: join(dir, "runs/pipeline.db"),
    place: { before: pathToFileURL(join(MADE_IN, name)).href, now: pathToFileURL(dir).href },
    version,
    rows: (of) =>
      readdirSync(join(version(of), "data"))
        .toSorted()
        .flatMap((file) => readFileSync(join(version(of), "data", file), "utf8").split("\n"))
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>), // Rows are objects; seeds of these datasets are numbers.
    latest: () => readFileSync(join(dir, "runs/export/LATEST"), "utf8").trim(),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Everything in a database but its migrations, by table. */
export function dumpOf(file: string): Readonly<Record<string, readonly unknown[]>> {
  const db = new Database(file, { readonly: true });
  try {
    const tables = db
      .prepare<[], string>(
        "select name from sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\' and name not like 'sqlite%' order by name",
      )
      .pluck()
      .all();
    return Object.fromEntries(tables.map((table) => [table, db.prepare(`select * from "${table}"`).all()]));
  } finally {
    db.close();
  }
}
