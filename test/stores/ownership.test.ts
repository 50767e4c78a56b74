import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { fileStore } from "../../src/stores/file.ts";
import type { ObjectStore } from "../../src/stores/object-store.ts";
import { claimPrefix, OWNERSHIP_KEY, readOwner } from "../../src/stores/ownership.ts";

describe("claimPrefix()", () => {
  const parti = { datasetName: "parti", datasetId: "11111111-1111-4111-8111-111111111111" };
  let dir: string;
  let store: ObjectStore;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "comfy-dpo-owner-"));
    store = fileStore(pathToFileURL(dir).href);
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test("marks an empty prefix and finds the mark again", async () => {
    expect(await readOwner(store)).toBeNull();
    await claimPrefix(store, parti);
    await claimPrefix(store, parti);
    expect(await readOwner(store)).toEqual(parti);
  });

  test("refuses another dataset's prefix, changing nothing", async () => {
    await claimPrefix(store, parti);
    await expect(claimPrefix(store, { datasetName: "other", datasetId: "2" })).rejects.toThrow("it belongs to dataset parti");
    await expect(claimPrefix(store, { ...parti, datasetId: "2" })).rejects.toThrow("it belongs to an earlier database of parti");
    expect(await readOwner(store)).toEqual(parti);
  });

  test("of two that come at once one gets the prefix", async () => {
    const outcomes = await Promise.allSettled(["2", "3"].map((datasetId) => claimPrefix(store, { datasetName: "x", datasetId })));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({ reason: { name: "ConfigError" } });
  });

  test.each(["", "{", "[]", '{"dataset":7}'])("refuses a marker that reads %j", async (text) => {
    await store.put(OWNERSHIP_KEY, Buffer.from(text), text.length, { contentType: "application/json" });
    await expect(claimPrefix(store, parti)).rejects.toBeInstanceOf(ConfigError);
  });
});
