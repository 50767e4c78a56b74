import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type Db } from "../../../src/db/open.ts";
import { openCommits } from "../../../src/stages/generate/commit-together.ts";

let dir: string;
let db: Db;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-commits-"));
  db = openDatabase(join(dir, "pipeline.db"));
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const write = (name: string): void => void db.client.prepare("insert into counters (name, value) values (?, 1)").run(name);
const names = () => db.client.prepare("select name from counters order by name").pluck().all();

describe("openCommits()", () => {
  it("does what must not be done before the commit after it, also what an inner call asked for", () => {
    const commits = openCommits(db);
    const seen: boolean[] = [];
    commits.together(() => {
      write("a");
      commits.together(() => {
        write("b");
        commits.afterwards(() => seen.push(db.client.inTransaction));
      });
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual([false]);
    expect(names()).toEqual(["a", "b"]);
  });

  it("forgets what was to follow where the work is rolled back", () => {
    const commits = openCommits(db);
    const done: string[] = [];
    expect(() =>
      commits.together(() => {
        write("a");
        commits.afterwards(() => done.push("sent"));
        throw new Error("disk full");
      }),
    ).toThrow("disk full");
    commits.together(() => write("b"));
    expect(done).toEqual([]);
    expect(names()).toEqual(["b"]);
  });
});
