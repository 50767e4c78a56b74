import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MIGRATIONS_FOLDER, openDatabase, type Db } from "../../src/db/open.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The folder as it was when its first `count` migrations were all there were. */
function oldMigrations(count: number): string {
  const folder = join(dir, `migrations-${count}`);
  cpSync(MIGRATIONS_FOLDER, folder, { recursive: true });
  const file = join(folder, "meta/_journal.json");
  const journal = JSON.parse(readFileSync(file, "utf8")) as { entries: unknown[] }; // Written by drizzle-kit.
  writeFileSync(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, count) }));
  return folder;
}

/** Rows of every table that has any. */
function contents({ client }: Db): Readonly<Record<string, unknown>> {
  const tables = client
    .prepare<[], string>("select name from sqlite_master where type = 'table' and name not like '\\_\\_%' escape '\\'")
    .pluck()
    .all();
  return Object.fromEntries(
    tables.map((table) => [table, client.prepare(`select * from "${table}"`).all()] as const).filter(([, rows]) => rows.length > 0),
  );
}

it("brings a database of the version before up to date, and changes nothing that is in it", () => {
  const file = join(dir, "pipeline.db");
  const old = openDatabase(file, oldMigrations(5));
  old.client.exec(`
    insert into dataset (id, name, dataset_id, created_at_ms) values (1, 'x', 'u', 0);
    insert into prompts (prompt_key, position, prompt, sent) values ('p_1', 0, 'a fox', 'a fox');
    insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', 'w', '{}', '{}', '[]');
    insert into jobs (job, prompt_key, variant, seed, seed_index, position) values ('j', 'p_1', 'base', '18446744073709551615', 0, 0);
    insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type)
      values ('i_1', 'j', 'p_1', 'u', 's', 1, '7', 0, 'f', '', 'output');
    insert into votes (vote_id, prompt_key, criterion, annotator, shown, ranking, kind, source)
      values ('v', 'p_1', 'overall', 'ann', '["i_1","i_2"]', '[["i_1"]]', 'choice', 'test');`);
  const before = contents(old);
  old.close();

  const db = openDatabase(file);
  expect(contents(db)).toEqual(before);
  expect(db.client.pragma("foreign_key_check")).toEqual([]);
  const loose = db.client.prepare(
    "select name from pragma_table_list where schema = 'main' and type = 'table' and strict = 0 and name not like 'sqlite%' and name not like '\\_\\_%' escape '\\'",
  );
  expect(loose.all()).toEqual([]);
  // A vote that is forgotten takes with it what is known of its pictures.
  db.client.exec("insert into vote_pictures values ('v', 'i_1', 'sha'); delete from votes");
  expect(db.client.prepare("select * from vote_pictures").all()).toEqual([]);
  db.close();
});
