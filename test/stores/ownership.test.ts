import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError, FatalError, TransientError } from "../../src/errors.ts";
import { fileStore } from "../../src/stores/file/file.ts";
import type { ObjectStore } from "../../src/stores/object-store.ts";
import { claimPrefix, expectClaimable, OWNERSHIP_KEY, settleObject } from "../../src/stores/ownership.ts";

const options = { clock: { sleep: () => Promise.resolve() }, signal: new AbortController().signal };

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
    await expectClaimable(store, { ...parti, datasetId: null }, options);
    await claimPrefix(store, parti, options);
    await claimPrefix(store, parti, options);
    await expect(expectClaimable(store, parti, options)).resolves.toBe(true);
  });

  test("refuses another dataset's prefix, changing nothing", async () => {
    await claimPrefix(store, parti, options);
    await expect(claimPrefix(store, { datasetName: "other", datasetId: "2" }, options)).rejects.toThrow("it belongs to dataset parti");
    await expect(claimPrefix(store, { ...parti, datasetId: "2" }, options)).rejects.toThrow("it belongs to an earlier database of parti");
    await expectClaimable(store, parti, options);
    await expect(expectClaimable(store, { ...parti, datasetId: null }, options)).rejects.toThrow(
      "it belongs to an earlier database of parti",
    );
  });

  test("of two that come at once one gets the prefix", async () => {
    const outcomes = await Promise.allSettled(["2", "3"].map((datasetId) => claimPrefix(store, { datasetName: "x", datasetId }, options)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({ reason: { name: "ConfigError" } });
  });

  test.each(["", "{", "[]", '{"dataset":7}'])("refuses a marker that reads %j", async (text) => {
    await store.put(OWNERSHIP_KEY, Buffer.from(text), text.length, { contentType: "application/json" });
    await expect(claimPrefix(store, parti, options)).rejects.toBeInstanceOf(ConfigError);
  });

  test("a store that is away for a moment is asked again", async () => {
    let failures = 4;
    const flaky = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      if (failures-- > 0) throw new TransientError("SlowDown");
      return work();
    };
    await claimPrefix(
      {
        uri: store.uri,
        get: (key) => flaky(() => store.get(key)),
        put: (...args) => store.put(...args),
        putNew: (...args) => flaky(() => store.putNew(...args)),
      },
      parti,
      options,
    );
    await expect(expectClaimable(store, parti, options)).resolves.toBe(true);
  });

  test("needs no right to write where the mark is there, as for a machine that only reads", async () => {
    await claimPrefix(store, parti, options);
    const refuse = () => Promise.reject(new FatalError("403 AccessDenied"));
    const readonly = { uri: store.uri, get: (key: string) => store.get(key), put: refuse, putNew: refuse, provePutNew: refuse };
    await expect(claimPrefix(readonly, parti, options)).resolves.toBeUndefined();
    const object = { key: OWNERSHIP_KEY, bytes: Buffer.from("x"), contentType: "text/plain" };
    await expect(settleObject(readonly, object, { ...options, accept: () => undefined })).rejects.toThrow("403");
  });

  test("of two that come at once to a store without conditions, the one that was overwritten does not go on", async () => {
    let wrote = 0;
    const overwriting: ObjectStore = {
      ...store,
      async putNew(key, body, sizeBytes, put) {
        await store.put(key, body, sizeBytes, put);
        // The other one comes between this write and the next read.
        if (wrote++ === 0) await store.put(key, Buffer.from('{"dataset":"x","dataset_id":"3"}'), 32, put);
        return "created";
      },
    };
    await expect(claimPrefix(overwriting, { datasetName: "x", datasetId: "2" }, options)).rejects.toBeInstanceOf(ConfigError);
  });
});
