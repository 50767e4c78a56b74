import { createHash, randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TransientError } from "../../src/errors.ts";
import type { ObjectStore } from "../../src/stores/object-store.ts";

export interface OpenedStore {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

const PNG = { contentType: "image/png" };

/** What every store must do. `open` gives an empty one. */
export function objectStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name}, the contract of an object store`, () => {
    let opened: OpenedStore;
    let store: ObjectStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.close());

    const read = async (key: string) => {
      const body = await store.get(key);
      return body === null ? null : buffer(body);
    };

    test("putNew() stores the bytes under the key", async () => {
      const bytes = randomBytes(300_000);
      expect(await store.putNew("images/0ab/i_new.png", chunked(bytes), bytes.length, PNG)).toBe("created");
      expect(await store.head("images/0ab/i_new.png")).toEqual({ sizeBytes: bytes.length, uri: store.uriOf("images/0ab/i_new.png") });
      expect((await read("images/0ab/i_new.png"))?.equals(bytes)).toBe(true);
      expect(store.uriOf("images/0ab/i_new.png")).toBe(`${store.uri}/images/0ab/i_new.png`);
    });

    test("putNew() takes bytes, too: twice, with and without their SHA-256", async () => {
      const bytes = randomBytes(700_000);
      for (const [key, options] of [
        ["held/a", PNG],
        ["held/b", { ...PNG, sha256: sha256(bytes) }],
      ] as const) {
        expect(await store.putNew(key, bytes, bytes.length, options)).toBe("created");
        expect(sha256(await read(key))).toBe(sha256(bytes));
        expect(await store.putNew(key, randomBytes(10), 10, PNG)).toBe("exists");
        expect(sha256(await read(key))).toBe(sha256(bytes));
        await store.put(key, Buffer.from("other"), 5, PNG);
        expect(String(await read(key))).toBe("other");
      }
    });

    test("putNew() of bytes is over with the bytes once it answers: they may be used for other things", async () => {
      const whole = new ArrayBuffer(300_000);
      for (let round = 0; round < 6; round++) {
        const bytes = Buffer.from(whole, 0, 200_000 + round).fill(round);
        await store.putNew(`reused/${round}`, bytes, bytes.length, { ...PNG, sha256: sha256(bytes) });
      }
      for (let round = 0; round < 6; round++) {
        expect(sha256(await read(`reused/${round}`))).toBe(sha256(Buffer.alloc(200_000 + round, round)));
      }
    });

    test.each([299_999, 300_001])("putNew() refuses 300,000 announced bytes of which there are %i", async (sizeBytes) => {
      await expect(store.putNew("held-length", randomBytes(sizeBytes), 300_000, PNG)).rejects.toBeInstanceOf(TransientError);
      expect(await store.head("held-length")).toBeNull();
    });

    test("putNew() of bytes with an aborted signal does nothing", async () => {
      const reason = new Error("stop");
      const options = { ...PNG, signal: AbortSignal.abort(reason) };
      await expect(store.putNew("held-aborted", randomBytes(10), 10, options)).rejects.toBe(reason);
      expect(await store.head("held-aborted")).toBeNull();
    });

    test("putNew() stores 10 MB, more than one chunk of any server", async () => {
      const bytes = randomBytes(10_000_000);
      expect(await store.putNew("big", chunked(bytes), bytes.length, PNG)).toBe("created");
      expect(sha256(await read("big"))).toBe(sha256(bytes));
    });

    test("putNew() leaves what is there and lets go of the body", async () => {
      await store.putNew("taken", Readable.from([Buffer.from("first")]), 5, PNG);
      const body = chunked(randomBytes(2_000_000));
      expect(await store.putNew("taken", body, 2_000_000, PNG)).toBe("exists");
      expect(String(await read("taken"))).toBe("first");
      expect(body.destroyed).toBe(true);
    });

    test.each(["streams", "bytes"])("putNew() of one key 12 times at once, from %s: one is created, whole", async (from) => {
      const key = `race-${from}`;
      const bodies = Array.from({ length: 12 }, () => randomBytes(100_000));
      const outcomes = await Promise.all(
        bodies.map((bytes) =>
          store.putNew(key, from === "bytes" ? bytes : chunked(bytes), bytes.length, PNG).catch((error: unknown) => error),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
      const others = outcomes.filter((outcome) => outcome !== "created");
      expect(others.every((outcome) => outcome === "exists" || outcome instanceof TransientError)).toBe(true);
      const stored = sha256(await read(key));
      expect(bodies.map(sha256).indexOf(stored)).toBe(outcomes.indexOf("created"));
    });

    test("putNew() throws the body's own error and stores nothing", async () => {
      const failure = new Error("the source broke");
      const body = Readable.from(
        (async function* () {
          yield randomBytes(200_000);
          throw failure;
        })(),
      );
      await expect(store.putNew("broken", body, 400_000, PNG)).rejects.toBe(failure);
      expect(await store.head("broken")).toBeNull();
    });

    test("putNew() throws the error of a body that had failed before", async () => {
      const failure = new Error("broken from the start");
      const body = new PassThrough();
      body.on("error", () => undefined);
      body.destroy(failure);
      await expect(store.putNew("broken-before", body, 10, PNG)).rejects.toBe(failure);
    });

    test.each([
      ["shorter", 299_999],
      ["longer", 300_001],
      ["much longer", 600_000],
      ["without a byte, shorter", 0],
    ])("putNew() refuses a body that is %s than announced, and stores nothing", async (how, sizeBytes) => {
      const key = `length-${how.replaceAll(/\W+/g, "-")}`;
      await expect(store.putNew(key, chunked(randomBytes(sizeBytes)), 300_000, PNG)).rejects.toBeInstanceOf(TransientError);
      expect(await store.head(key)).toBeNull();
    });

    test("putNew() ends at an abort with its reason, and stores nothing", async () => {
      const abort = new AbortController();
      const body = new PassThrough(); // Never ends.
      body.write(randomBytes(10_000));
      const reason = new Error("stop");
      const put = store.putNew("aborted", body, 300_000, { ...PNG, signal: abort.signal });
      body.once("drain", () => abort.abort(reason));
      setImmediate(() => abort.abort(reason));
      await expect(put).rejects.toBe(reason);
      expect(await store.head("aborted")).toBeNull();
      expect(body.destroyed).toBe(true);
    });

    test("putNew() with an aborted signal does nothing", async () => {
      const body = chunked(randomBytes(10));
      const reason = new Error("stop");
      await expect(store.putNew("aborted-before", body, 10, { ...PNG, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(await store.head("aborted-before")).toBeNull();
      expect(body.destroyed).toBe(true);
    });

    test("put() replaces, from bytes and from a stream", async () => {
      await store.put("replaced", Buffer.from("one"), 3, PNG);
      await store.put("replaced", Buffer.from("two!"), 4, PNG);
      expect(String(await read("replaced"))).toBe("two!");
      await store.put("replaced", Readable.from([Buffer.from("th"), Buffer.from("ree")]), 5, PNG);
      expect(String(await read("replaced"))).toBe("three");
    });

    test("put() of a broken stream keeps what was there", async () => {
      await store.put("kept", Buffer.from("old"), 3, PNG);
      await expect(store.put("kept", Readable.from([Buffer.from("n")]), 3, PNG)).rejects.toBeInstanceOf(TransientError);
      expect(String(await read("kept"))).toBe("old");
    });

    test("head() and get() of a missing key give null; delete() of one is no error", async () => {
      expect(await store.head("missing/key")).toBeNull();
      expect(await store.get("missing/key")).toBeNull();
      await store.delete("missing/key");
    });

    test("delete() removes", async () => {
      await store.put("doomed", Buffer.from("x"), 1, PNG);
      await store.delete("doomed");
      expect(await store.head("doomed")).toBeNull();
      expect(await store.putNew("doomed", Readable.from([Buffer.from("y")]), 1, PNG)).toBe("created");
    });

    test("get() many times without reading: nothing is used up", async () => {
      const bytes = randomBytes(3_000_000);
      await store.put("unread", bytes, bytes.length, PNG);
      for (let i = 0; i < 20; i++) (await store.get("unread"))?.destroy();
      expect(sha256(await read("unread"))).toBe(sha256(bytes));
    });

    test("list() gives the keys under a prefix, those only, with their sizes", async () => {
      const keys = ["l/a-b", "l/a/b", "l/a.c", "l/a0", "l/B", "l/a/a", "l/_", "l/aa/z"];
      for (const key of [...keys, "m/other", "l-not"]) await store.put(key, Buffer.from(key), key.length, PNG);
      expect(new Set(await listed(store, "l/"))).toEqual(new Set(keys));
      expect(new Set(await listed(store, "l/a"))).toEqual(new Set(["l/a-b", "l/a.c", "l/a/a", "l/a/b", "l/a0", "l/aa/z"]));
      expect(await listed(store, "l/a/")).toEqual(["l/a/a", "l/a/b"]);
      expect(await listed(store, "nothing/")).toEqual([]);
      for await (const { key, sizeBytes, modifiedAtMs } of store.list("l/")) {
        expect(sizeBytes).toBe(key.length);
        expect(Math.abs(Date.now() - modifiedAtMs)).toBeLessThan(60_000);
      }
    });

    test("list() gives keys of one depth and length in byte order", async () => {
      const keys = ["o/0ab/i_9", "o/_ab/i_1", "o/0ac/i_1", "o/Fab/i_1", "o/fab/i_1", "o/0ab/i_a", "o/0-b/i_1"];
      for (const key of keys) await store.put(key, Buffer.from(key), key.length, PNG);
      expect(await listed(store, "o/")).toEqual(keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    });

    test.each(["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\\b", "a b", "a\0", "ä"])("no method takes the key %j", async (key) => {
      expect(() => store.uriOf(key)).toThrow(RangeError);
      await expect(store.get(key)).rejects.toThrow(RangeError);
      await expect(store.put(key, Buffer.from("x"), 1, PNG)).rejects.toThrow(RangeError);
    });
  });
}

/** As a network gives it: uneven chunks, each later than the one before. */
export function chunked(bytes: Buffer): Readable {
  return Readable.from(
    (async function* () {
      for (let at = 0; at < bytes.length; at += 60_001) {
        await new Promise((resolve) => setImmediate(resolve));
        yield bytes.subarray(at, at + 60_001);
      }
    })(),
  );
}

async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

function sha256(bytes: Buffer | null): string {
  return createHash("sha256")
    .update(bytes ?? "")
    .digest("hex");
}
