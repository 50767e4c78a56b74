import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import Database from "better-sqlite3";
import { FatalError } from "../../src/errors.ts";
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

/** What 0008 keeps of a row: URIs are made of keys since, `aside` is called `inactive`. */
function withoutChanges(row: unknown): object {
  const { uri: _uri, aside: _aside, ...kept } = row as Record<string, unknown>;
  return kept;
}

it("brings a database of the version before up to date, and changes nothing that is in it", () => {
  const file = join(dir, "pipeline.db");
  const old = openDatabase(file, { migrationsFolder: oldMigrations(5) });
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
  const after = contents(db);
  for (const [table, rows] of Object.entries(before)) expect(after[table], table).toMatchObject((rows as unknown[]).map(withoutChanges));
  expect(db.client.pragma("foreign_key_check")).toEqual([]);
  const loose = db.client.prepare(
    "select name from pragma_table_list where schema = 'main' and type = 'table' and strict = 0 and name not like 'sqlite%' and name not like '\\_\\_%' escape '\\'",
  );
  expect(loose.all()).toEqual([]);
  // A vote that is forgotten takes with it what is known of its images.
  db.client.exec("insert into vote_pictures values ('v', 'i_1', 'sha'); delete from votes");
  expect(db.client.prepare("select * from vote_pictures").all()).toEqual([]);
  db.close();
});

it("keeps links of the version before in their order, each with its rejected images", () => {
  const file = join(dir, "pipeline.db");
  const old = openDatabase(file, { migrationsFolder: oldMigrations(7) });
  old.client.exec(`
    insert into prompts (prompt_key, position, prompt, sent) values ('p_1', 0, 'a fox', 'a fox'), ('p_2', 1, 'a hen', 'a hen');
    insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', 'w', '{}', '{}', '[]');`);
  for (const image of ["i_1", "i_2", "i_3"]) {
    old.client.exec(`
      insert into jobs (job, prompt_key, variant, seed, seed_index, position) values ('j${image}', 'p_1', 'base', '1', 0, 0);
      insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename, subfolder, type)
        values ('${image}', 'j${image}', 'p_1', '${image}', 's', 1, '7', 0, 'f', '', 'output');`);
  }
  old.client.exec(`
    insert into preferences (rowid, pair_set, row_id, prompt_key, criterion, chosen, source, margin, agreement, n_votes, n_candidates, chosen_score)
      values (5, 'main', 'd_9', 'p_1', 'overall', 'i_1', 'people', 0.5, 1, 3, 3, 0.75), (7, 'main', 'd_1', 'p_2', 'overall', 'i_3', 'people', null, null, 1, 2, null);
    insert into preference_rejected values ('main', 'd_1', 0, 'i_1', null), ('main', 'd_9', 1, 'i_3', 0.125), ('main', 'd_9', 0, 'i_2', 0.25);`);
  const read = "select row_id, prompt_key, chosen, margin, agreement, n_votes, n_candidates, chosen_score from preferences order by rowid";
  const before = old.client.prepare(read).raw().all();
  old.close();

  const db = openDatabase(file);
  expect(db.client.prepare(read).raw().all()).toEqual(before);
  const rejected = db.client.prepare("select row_id, rank, image_id, score from preferences join preference_rejected using (place)");
  expect(rejected.raw().all()).toEqual([
    ["d_9", 0, "i_2", 0.25],
    ["d_9", 1, "i_3", 0.125],
    ["d_1", 0, "i_1", null],
  ]);
  // A link that goes takes its rejected images with it.
  db.client.exec("delete from preferences where row_id = 'd_9'");
  expect(db.client.prepare("select image_id from preference_rejected").pluck().all()).toEqual(["i_1"]);
  expect(() => db.client.exec("insert into preference_rejected values (99, 0, 'i_1', null)")).toThrow("FOREIGN KEY");
  db.close();
});

it("opens a database whose migration was killed once its copy was made, and says what takes so long", () => {
  const file = join(dir, "pipeline.db");
  openDatabase(file, { migrationsFolder: oldMigrations(7) }).close();
  const copy = `${file}.before-0007_place.bak`;
  for (const left of [copy, `${copy}.partial`]) writeFileSync(left, "what a killed process left");
  const told: string[] = [];
  openDatabase(file, { log: { info: (message) => void told.push(message) } }).close();
  expect(told).toEqual([`Bringing the database up to date; ${copy} keeps it as it was`]);
  expect(existsSync(`${copy}.partial`)).toBe(false);
  const kept = new Database(copy, { readonly: true });
  expect(kept.pragma("integrity_check", { simple: true })).toBe("ok");
  kept.close();
  openDatabase(file, { log: { info: (message) => void told.push(message) } }).close();
  expect(told.length).toBe(1);
});

it("opens a database beside copies that cannot be read, and gives the others to their owner alone", () => {
  const file = join(dir, "pipeline.db");
  const old = openDatabase(file, { migrationsFolder: oldMigrations(7) });
  old.client.exec("insert into dataset (id, name, dataset_id, created_at_ms) values (1, 'x', 'u', 0)");
  old.close();
  const [folder, damaged, locked] = ["0001_a", "0002_b", "0003_c"].map((name) => `${file}.before-${name}.bak`) as [string, string, string];
  mkdirSync(folder);
  writeFileSync(damaged, "what a disk left of it");
  cpSync(file, locked);
  chmodSync(locked, 0o444);
  const told: string[] = [];
  openDatabase(file, { log: { info: (message) => void told.push(message) } }).close();
  expect(told.filter((line) => line.startsWith("Cannot"))).toEqual([expect.stringContaining(`secrets from the copy ${damaged}: `)]);
  expect(statSync(locked).mode & 0o777).toBe(0o600);
});

it("keeps no input or set value of an old variant that looks like a secret, in no byte of the database or of its copy", () => {
  const file = join(dir, "pipeline.db");
  const old = openDatabase(file, { migrationsFolder: oldMigrations(7) });
  const graph = {
    "1": { class_type: "LLM", inputs: { api_key: "planted-secret", seed: 1, model: ["2", 0] } },
    "2": { class_type: "Load" },
  };
  const params = { api_key: "planted-secret", cfg: 7 };
  old.client.exec("insert into dataset (id, name, dataset_id, created_at_ms) values (1, 'x', 'u', 0)");
  old.client
    .prepare(
      "insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs, params) values ('base', 'main', 'w', ?, '{}', '[]', ?)",
    )
    .run(JSON.stringify(graph), JSON.stringify(params));
  old.client.exec(
    "insert into variants (variant, workflow, workflow_sha256, graph, wrapper, bindings, outputs) values ('odd', '', '', '', '', '{}', '[]')",
  );
  old.close();
  openDatabase(file).close();
  const db = openDatabase(file);
  const kept = { ...graph, "1": { class_type: "LLM", inputs: { ...graph["1"].inputs, api_key: "" } } };
  expect(db.client.prepare("select graph, params from variants where variant = 'base'").raw().get()).toEqual([
    JSON.stringify(kept),
    '{"cfg":7}',
  ]);
  db.close();
  for (const each of [file, `${file}.before-0007_place.bak`]) expect(readFileSync(each).includes("planted-secret")).toBe(false);
});

it("says so where another process is bringing the database up to date", () => {
  const file = join(dir, "pipeline.db");
  openDatabase(file).close();
  const other = new Database(`${file}.lock`);
  other.exec("BEGIN EXCLUSIVE");
  expect(() => openDatabase(file, { lockTimeoutMs: 50 })).toThrow(FatalError);
  expect(() => openDatabase(file, { lockTimeoutMs: 50 })).toThrow("another process is bringing it up to date");
  other.close();
  openDatabase(file).close();
});
