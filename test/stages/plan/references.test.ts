import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Context } from "../../../src/context.ts";
import { openDatabase, type Db } from "../../../src/db/open.ts";
import { referenceQueries } from "../../../src/db/queries/plan/references.ts";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { referenceKeyOf } from "../../../src/identity.ts";
import { storeReferences } from "../../../src/stages/plan/references.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { testConfig } from "../../helpers/annotated-dataset.ts";

let dir = "";
let db: Db;
let store: ObjectStore;
const messages: string[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-store-references-"));
  db = openDatabase(join(dir, "pipeline.db"));
  store = fileStore(pathToFileURL(join(dir, "images")).href);
  messages.length = 0;
});
afterEach(async () => {
  db.close();
  await rm(dir, { recursive: true, force: true });
});

const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");
const keyOf = (text: string): string => referenceKeyOf(sha256Of(text), "png");
const pathOf = (text: string): string => join(dir, "images", keyOf(text));

/** Makes these the files of the plan: name → content. */
async function plan(files: Readonly<Record<string, string>>): Promise<void> {
  const rows = [];
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(dir, name), content);
    rows.push({ path: join(dir, name), sha256: sha256Of(content), extension: "png" as const, bytes: content.length, modifiedAtMs: 0 });
  }
  referenceQueries(db).replacePaths(rows);
}

function run(changed: Partial<Context> = {}): Promise<void> {
  const note = (message: string): void => void messages.push(message);
  const quiet = (): void => undefined;
  const { signal } = new AbortController();
  const log = { error: note, warn: note, info: note, debug: quiet, event: quiet, progress: quiet };
  const clock = { nowMs: () => 0, sleep: () => Promise.resolve() };
  return storeReferences({ db, store, config: testConfig(dir), clock, log, stopping: signal, signal, ...changed });
}

const stored = (): readonly string[] =>
  referenceQueries(db)
    .stored("", 10)
    .map(({ key }) => key);

describe("storeReferences()", () => {
  it("stores each content once, and nothing the second time", async () => {
    await plan({ a: "one", b: "two", copy: "one" });
    await run();
    expect(stored()).toEqual([keyOf("one"), keyOf("two")].toSorted());
    expect(String(await readFile(pathOf("one")))).toBe("one");
    expect(messages).toEqual(["Stored 2 reference images"]);
    await run({ store: { ...store, head: () => Promise.reject(new FatalError("asked again")) } });
    expect(messages).toHaveLength(1);
  });

  it("leaves what is there, and replaces what is damaged", async () => {
    await plan({ a: "one", b: "two" });
    await run();
    const before = await stat(pathOf("one"));
    await writeFile(pathOf("two"), "tw0");
    db.client.exec("update reference_files set key = null");
    await run();
    expect((await stat(pathOf("one"))).ino).toBe(before.ino);
    expect(String(await readFile(pathOf("two")))).toBe("two");
  });

  it("never stores other content than planned, takes a copy instead, and tells what is left out", async () => {
    await plan({ a: "one", b: "two", copy: "two", c: "three" });
    for (const [name, content] of [
      ["a", "eno"],
      ["b", "twice"],
      ["c", "thr"],
    ] as const)
      await writeFile(join(dir, name), content);
    await run();
    expect(stored()).toEqual([keyOf("two")]);
    expect(messages.filter((message) => message.includes("other content than when it was planned"))).toHaveLength(2);
    await writeFile(join(dir, "a"), "one");
    await run();
    expect(stored()).toContain(keyOf("one"));
  });

  it("tries a store again that fails for a moment, and gives up where it does not recover", async () => {
    await plan({ a: "one" });
    let failures = 2;
    const put: ObjectStore["put"] = (...args) => (failures-- > 0 ? Promise.reject(new TransientError("busy")) : store.put(...args));
    await run({ store: { ...store, put } });
    expect(stored()).toHaveLength(1);
    await plan({ b: "two" });
    failures = 100;
    await expect(run({ store: { ...store, put } })).rejects.toThrow("busy");
  });

  it("stores nothing once it shall stop", async () => {
    await plan({ a: "one" });
    await run({ stopping: AbortSignal.abort() });
    expect(stored()).toEqual([]);
  });
});
