import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase, type Db } from "../../../../src/db/open.ts";
import { rememberPromptId } from "../../../../src/db/queries/jobs/server-prompt-id.ts";

let dir: string;
let db: Db;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-"));
  db = openDatabase(join(dir, "pipeline.db"));
  db.client.exec(`
    insert into prompts (prompt_key, position, prompt, sent) values ('p', 0, 'p', 'p');
    insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', 'w', '{}', '{}', '[]')`);
  const add = db.client.prepare(
    `insert into jobs (job, prompt_key, variant, seed, seed_index, position, state, attempt, prompt_id, server) values (?, 'p', 'base', '1', 0, 0, ?, 1, ?, 'http://a')`,
  );
  add.run("one", "submitted", "sent-1");
  add.run("two", "submitted", "sent-2");
  add.run("three", "done", "sent-3");
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const ids = (): unknown => db.client.prepare("select prompt_id from jobs order by job").pluck().all();

it("takes the server's id in place of the one sent, of a job that is out", () => {
  expect(rememberPromptId(db, { job: "one", sent: "sent-1", given: "theirs-1" })).toBe(true);
  expect(rememberPromptId(db, { job: "one", sent: "sent-1", given: "theirs-2" }), "an answer that came twice").toBe(false);
  expect(rememberPromptId(db, { job: "three", sent: "sent-3", given: "theirs-3" }), "settled meanwhile").toBe(false);
  expect(ids()).toEqual(["theirs-1", "sent-3", "sent-2"]);
});

it("refuses an id that another job has: its server cannot be followed", () => {
  expect(rememberPromptId(db, { job: "one", sent: "sent-1", given: "same" })).toBe(true);
  expect(rememberPromptId(db, { job: "two", sent: "sent-2", given: "same" })).toBe(false);
  expect(ids()).toEqual(["same", "sent-3", "sent-2"]);
});
