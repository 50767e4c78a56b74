import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/db/open.ts";
import { acquireProcessLock } from "../../src/db/process-lock.ts";

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "comfy-dpo-private-"))));
afterEach(() => rmSync(root, { recursive: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("a dataset's folder and database", () => {
  it("are made for their owner alone, the write-ahead log included, and the folders above as usual", () => {
    const dir = join(root, "runs/set");
    acquireProcessLock(dir, "generate").release();
    const db = openDatabase(join(dir, "pipeline.db"));
    db.client.exec("create table t (x)");
    expect([dir, join(dir, "locks")].map(modeOf)).toEqual(["700", "700"]);
    expect(["pipeline.db", "pipeline.db-wal", "pipeline.db-shm"].map((name) => modeOf(join(dir, name)))).toEqual(["600", "600", "600"]);
    expect(modeOf(join(root, "runs"))).not.toBe("700");
    db.close();
  });

  it("a database of an earlier version gets these rights, its folder keeps its own", () => {
    const file = join(root, "pipeline.db");
    openDatabase(file).close();
    chmodSync(file, 0o644);
    chmodSync(root, 0o755);
    openDatabase(file).close();
    expect([modeOf(file), modeOf(root)]).toEqual(["600", "755"]);
  });
});
