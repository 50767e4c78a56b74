import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../src/db/open.ts";
import { dumpOf, OLD_DATASETS, unpackOldDataset } from "../helpers/old-datasets.ts";

// Databases that the program made when its schema was another one (test/fixtures/databases).

const OPEN_AND_DIE = join(import.meta.dirname, "../helpers/open-and-die.ts");

it("has a dataset of every schema before the newest", () => {
  const schemas = new Set(OLD_DATASETS.map((name) => name.slice(0, 4)));
  expect([...schemas]).toEqual(["0000", "0001", "0002", "0003", "0004", "0005", "0006", "0007"]);
});

it("tries again at the next start where another program reads the old pages meanwhile", () => {
  using old = unpackOldDataset("0007");
  const reader = new Database(old.database);
  reader.pragma("journal_mode = WAL");
  reader.exec("begin; select count(*) from images");
  const told: string[] = [];
  openDatabase(old.database, { log: { info: (message) => void told.push(message) } }).close();
  expect(told.at(-1)).toMatch(/may still hold such secrets: another program was reading the database\. The next start tries again$/);
  reader.close();
  openDatabase(old.database).close();
  expect(filesWithSecret(old.database)).toEqual([]);
});

describe.each(OLD_DATASETS.map((name, index) => [name, index] as const))("a database of schema %s", (name, index) => {
  it("is brought up to date with all that is in it", () => {
    using old = unpackOldDataset(name);
    const before = dumpOf(old.database);
    const shown = readIndex(old.database);

    const db = openDatabase(old.database);
    expect(db.client.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(db.client.pragma("foreign_key_check")).toEqual([]);
    db.close();

    const after = dumpOf(old.database);
    for (const [table, rows] of Object.entries(before)) expect([table, after[table]?.length]).toEqual([table, rows.length]);
    expect(columnsOf(old.database)).toEqual(columnsOf(":memory:"));
    // What others read keeps its names and values; a later schema may show more.
    expect(readIndex(old.database)).toMatchObject(shown);
  });

  it("is the same after a start that was killed, wherever that was, and keeps no value of extra_data in any byte", () => {
    using untouched = unpackOldDataset(name);
    expect(filesWithSecret(untouched.database)).toContain("pipeline.db");
    using calm = unpackOldDataset(name);
    const statements = Number(execFileSync(process.execPath, [OPEN_AND_DIE, calm.database], { encoding: "utf8" }));
    expect(filesWithSecret(calm.database)).toEqual([]);
    const expected = dumpOf(calm.database);
    // Each schema is killed at other places, and all before the last statement, when the secrets are gone and their copies are not.
    const shares = [(index + 1) / 20, (index + 10) / 20, 1];
    for (const point of new Set(shares.map((share) => Math.max(1, Math.round(share * statements))))) {
      using killed = unpackOldDataset(name);
      expect(spawnSync(process.execPath, [OPEN_AND_DIE, killed.database, String(point)]).signal).toBe("SIGKILL");
      openDatabase(killed.database).close();
      expect({ point, ...dumpOf(killed.database) }).toEqual({ point, ...expected });
      expect(filesWithSecret(killed.database)).toEqual([]);
      expect(readdirSync(dirname(killed.database)).filter((file) => file.endsWith(".bak")).length).toBeLessThanOrEqual(1);
    }
  });
});

/** Names the files beside the database, itself included, that hold the secret which the fixtures' workflows were sent with. */
function filesWithSecret(database: string): readonly string[] {
  const names = readdirSync(dirname(database), { withFileTypes: true }).filter((entry) => entry.isFile());
  return names.map(({ name }) => name).filter((file) => readFileSync(join(dirname(database), file)).includes("planted-secret"));
}

function readIndex(file: string): readonly Record<string, unknown>[] {
  const db = new Database(file, { readonly: true });
  try {
    // The view's rows are objects.
    return db.prepare("select * from image_index order by image_id").all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

/** Name, type, default and key of every column by table and view; those of a new database for ":memory:". */
function columnsOf(file: string): unknown {
  const db = openDatabase(file);
  const columns = db.client
    .prepare(
      `select t.name as place, c.name, c.type, c."notnull", c.dflt_value, c.pk from sqlite_master as t join pragma_table_xinfo(t.name) as c
      where t.type in ('table', 'view') and t.name not like '\\_\\_%' escape '\\' order by t.name, c.name`,
    )
    .all();
  db.close();
  return columns;
}
