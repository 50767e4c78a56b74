import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FatalError } from "../../../src/errors.ts";
import { diffVersions } from "../../../src/stages/export/versions/diff-versions.ts";
import { verifyExport } from "../../../src/stages/export/check/verify-export.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { s3Store } from "../../../src/stores/s3/s3.ts";
import { requirePart } from "../../helpers/parts.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";
import { openFixture, type Fixture } from "./fixture-database.ts";

// Versions in a bucket: what a folder promises, and that what was sent is not sent again.

describe.skipIf(!requirePart("seaweedfs", findWeed() !== undefined))("an export to SeaweedFS", () => {
  let seaweed: Seaweed;
  let runs = 0;
  beforeAll(async () => {
    for (const [name, value] of Object.entries(SEAWEED_CREDENTIALS)) vi.stubEnv(name, value);
    seaweed = await startSeaweed();
  }, 60_000);
  afterAll(() => {
    vi.unstubAllEnvs();
    return seaweed.stop();
  });

  /** Opens the place, and tells what is asked of it. */
  const watched =
    (uri: string, calls: string[], failAt = Infinity) =>
    async (): Promise<ObjectStore> => {
      const store = await s3Store({ uri, endpoint: seaweed.endpoint, concurrency: 4 });
      let puts = 0;
      return {
        ...store,
        get(key, signal) {
          calls.push(`get ${key}`);
          return store.get(key, signal);
        },
        put(key, body, sizeBytes, options) {
          calls.push(`put ${key}`);
          if (puts++ < failAt) return store.put(key, body, sizeBytes, options);
          if ("destroy" in body) body.destroy();
          return Promise.reject(new FatalError("killed"));
        },
      };
    };
  const rowsInto = (fixture: Fixture, count: number): void => {
    for (let index = 0; index < count; index++) fixture.addRow({ prompt: `prompt ${index}`, agreement: 1 });
  };

  test("that was killed goes on shard by shard, and asks the store instead of reading what it sent", async () => {
    await using fixture = await openFixture();
    rowsInto(fixture, 9);
    const uri = `s3://${seaweed.bucket}/resumed${runs++}`;
    await expect(fixture.export({ uri, shards: 3 }, { openStore: watched(uri, [], 2) })).rejects.toThrow("killed");
    const calls: string[] = [];
    expect(await fixture.export({ uri, shards: 3 }, { openStore: watched(uri, calls) })).toMatchObject({
      outcome: "continued",
      version: "v1",
    });
    expect(calls.filter((call) => /data\/train-0000[01]/.test(call))).toEqual([]);
    expect(calls.filter((call) => call.startsWith("put "))[0]).toBe("put v1/data/train-00002-of-00003.jsonl");
    expect(calls.at(-1)).toBe("put LATEST");
  });

  test("sends a shard again whose bytes are others, though its length is right", async () => {
    await using fixture = await openFixture();
    rowsInto(fixture, 3);
    const uri = `s3://${seaweed.bucket}/damaged${runs++}`;
    await expect(fixture.export({ uri }, { openStore: watched(uri, [], 3) })).rejects.toThrow("killed");
    const store = await s3Store({ uri, endpoint: seaweed.endpoint, concurrency: 4 });
    const key = "v1/data/train-00000-of-00001.jsonl";
    const { sizeBytes } = (await store.head(key))!;
    await store.put(key, Buffer.alloc(sizeBytes, "x"), sizeBytes, { contentType: "application/jsonl" });
    const calls: string[] = [];
    await fixture.export({ uri }, { openStore: watched(uri, calls) });
    expect(calls).toContain(`put ${key}`);
    await store.close();
  });

  test("has parts, comparisons and verification as a folder has", async () => {
    await using fixture = await openFixture();
    rowsInto(fixture, 5);
    const uri = `s3://${seaweed.bucket}/parts${runs++}`;
    const openStore = watched(uri, []);
    await fixture.export({ uri, gzip: true, shards: 2 }, { openStore });
    fixture.addRow({ prompt: "one more", agreement: 1 });
    expect(await fixture.export({ uri }, { openStore, since: "v1" })).toMatchObject({ version: "v2", rows: 1 });
    const store = await openStore();
    const { signal } = new AbortController();
    const problems: string[] = [];
    for (const version of ["v1", "v2"])
      await verifyExport(version, { store, signal, report: ({ path, text }) => void problems.push(`${path} ${text}`) });
    expect(problems).toEqual([]);
    const needs = { store, signal, onRow: () => undefined, checkpoint: () => Promise.resolve() };
    expect((await diffVersions("v1", "v2", needs)).splits).toMatchObject([{ came: 1, went: 0, changed: 0, same: 5 }]);
    await store.close();
  });
});
