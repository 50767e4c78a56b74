import Database from "better-sqlite3";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openDatabase, type Db } from "../../../../src/db/open.ts";
import { openExportSnapshot } from "../../../../src/db/queries/export/export-snapshot.ts";
import type { LinkedRow } from "../../../../src/db/queries/export/row-records.ts";

const ROWS = 4_000;
let dir: string;
let db: Db;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-rows-"));
  db = openDatabase(join(dir, "pipeline.db"));
});

afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

it("finds files that two splits share in a time that grows with the rows, not with their square", () => {
  fill(ROWS);
  const snapshot = openExportSnapshot(db.file, { pairSet: "main", uriPrefix: "s3://bucket/prefix/", withReferences: true });
  try {
    const linked: LinkedRow[] = [...snapshot.linkedRows()];
    expect(linked).toHaveLength(ROWS);
    snapshot.plan(linked.map(({ place, rowId }, index) => ({ place, rowId, split: index % 2, fills: 0 })));
    snapshot.sortPlan();
    // Looking through all rows for each file took minutes. Row 0 and row 1 show one file.
    expect(snapshot.dropShared(0, 1)).toBe(1);
    expect([snapshot.countRows(0), snapshot.countRows(1)]).toEqual([ROWS / 2, ROWS / 2 - 1]);
  } finally {
    snapshot.close();
  }
});

it("reads each link once, in the order in which they lie, while the plan is written", () => {
  fill(600);
  const snapshot = openExportSnapshot(db.file, { pairSet: "main", uriPrefix: "s3://bucket/prefix/", withReferences: true });
  try {
    const prompts: string[] = [];
    for (const { place, rowId, prompt } of snapshot.linkedRows()) {
      snapshot.plan([{ place, rowId, split: 0, fills: 0 }]);
      prompts.push(prompt);
    }
    expect(prompts).toEqual(Array.from({ length: 600 }, (_, index) => `prompt ${index}`));
    expect([...snapshot.placedRows()].map(({ prompt }) => prompt)).toEqual(prompts);
  } finally {
    snapshot.close();
  }
});

it("looks up what some rows have by their ids, not among all rows of the pair set", () => {
  fill(10);
  const prepare = vi.spyOn(Database.prototype, "prepare");
  const snapshot = openExportSnapshot(db.file, { pairSet: "main", uriPrefix: "s3://bucket/prefix/", withReferences: true });
  const asked = prepare.mock.calls.map(([sql]) => sql);
  prepare.mockRestore();
  try {
    const lookups = asked.filter((sql) => /json_each\((@rowIds|[?])\)|ofRow/.test(sql));
    expect(lookups).toHaveLength(4);
    for (const sql of lookups) {
      const plan = snapshot.view.client
        .prepare<[], { detail: string }>(`explain query plan ${sql.replaceAll(/[?]|@\w+/g, "'[]'")}`)
        .all()
        .map(({ detail }) => detail);
      expect(
        plan.filter((step) => step.endsWith("(pair_set=?)")),
        sql,
      ).toEqual([]);
      expect(plan.find((step) => step.startsWith("SCAN"))).toMatch(/ids|CONSTANT ROW/); // It comes first.
    }
  } finally {
    snapshot.close();
  }
});

/** Rows of two images each, of which the first two show an image of the same bytes. */
function fill(rows: number): void {
  const { client } = db;
  client.exec(
    "insert into variants (variant, workflow, workflow_sha256, graph, bindings, outputs) values ('base', 'main', 'w', '{}', '{}', '[]')",
  );
  const prompt = client.prepare("insert into prompts (prompt_key, position, prompt, sent) values (?, ?, ?, '')");
  const job = client.prepare(
    `insert into jobs (job, prompt_key, variant, seed, seed_index, position, state) values (?, ?, 'base', '1', 0, 0, 'done')`,
  );
  const image = client.prepare(`insert into images (image_id, job, prompt_key, prompt_id, server, attempt, node_id, batch_index, filename,
    subfolder, type, state, key, sha256, bytes) values (?, ?, ?, '', '', 1, '7', 0, '', '', 'output', 'stored', ?, ?, 1)`);
  const link = client.prepare(`insert into preferences (pair_set, row_id, prompt_key, criterion, chosen, source, n_votes, n_candidates)
    values ('main', ?, ?, 'overall', ?, 'people', 1, 2)`);
  const rejected = client.prepare("insert into preference_rejected (place, rank, image_id) values (?, 0, ?)");
  client.transaction(() => {
    for (let index = 0; index < rows; index++) {
      const key = `p_${index}`;
      prompt.run(key, index, `prompt ${index}`);
      for (const side of ["a", "b"]) {
        const id = `i_${index}${side}`;
        job.run(id, key);
        image.run(id, id, key, id, side === "a" && index < 2 ? "same" : id);
      }
      // The order of ids is another than that of places.
      const rowId = `d_${(index * 7_919) % rows}_${index}`;
      const { lastInsertRowid: place } = link.run(rowId, key, `i_${index}a`);
      rejected.run(place, `i_${index}b`);
    }
  })();
}
