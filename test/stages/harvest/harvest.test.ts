import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { FatalError, InterruptedError } from "../../../src/errors.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { harvestBench, type HarvestBench } from "../../helpers/harvest-bench.ts";
import { FIFTH_BAD, hastyClock, openSockets } from "../../helpers/bad-night.ts";

describe("harvest()", () => {
  test("stores every image, batches too, and has the servers forget the runs", async () => {
    await using bench = await harvestBench({ servers: 2 });
    await bench.generate(60);
    await bench.generate(2, { batchSize: 3 });
    expect(await bench.harvest()).toEqual({ stage: "harvest", done: 66, failed: 0, stopped: false });
    expect(bench.states("images")).toEqual({ stored: 66 });
    await bench.expectStoreIsSound();
    expect(bench.column("select distinct history_deleted from jobs")).toEqual([1]);
    for (const client of bench.comfy.values()) expect(await Array.fromAsync(client.historyAll(never()))).toEqual([]);
    expect(bench.events.filter(({ event }) => event === "stored")).toHaveLength(66);
    expect(bench.column("select distinct width || 'x' || height || format || unproven from images")).toEqual(["64x64png0"]);
  });

  test("has nothing to do the second time", async () => {
    await using bench = await harvestBench();
    await bench.generate(3);
    await bench.harvest();
    expect(await bench.harvest()).toMatchObject({ done: 0, failed: 0 });
    expect(bench.emulators[0]!.stats.viewed).toBe(3);
  });

  test("keeps the history where the configuration says so, and deletes what is left over once it may", async () => {
    await using bench = await harvestBench();
    await bench.generate(5);
    await bench.harvest({ config: { delete_history: false } });
    const [client] = bench.comfy.values();
    expect(await Array.fromAsync(client!.historyAll(never()))).toHaveLength(5);
    expect(bench.column("select distinct history_deleted from jobs")).toEqual([0]);
    await bench.harvest();
    expect(await Array.fromAsync(client!.historyAll(never()))).toEqual([]);
    expect(bench.column("select distinct history_deleted from jobs")).toEqual([1]);
  });

  test("history stays while one image of the job waits", async () => {
    await using bench = await harvestBench();
    await bench.generate(1, { batchSize: 2 });
    const store: ObjectStore = {
      ...bench.store,
      putNew: (key, ...rest) =>
        key.endsWith(`${firstImage(bench)}.png`) ? Promise.reject(new FatalError("disk full")) : bench.store.putNew(key, ...rest),
    };
    await expect(bench.harvest({ store })).rejects.toThrow("disk full");
    expect(bench.states("images")).toEqual({ listed: 1, stored: 1 });
    expect(bench.column("select history_deleted from jobs")).toEqual([0]);
  });
});

describe("harvest() with store.metadata: strip", () => {
  const strip = { metadata: "strip" } as const;

  test("what is stored says nothing of how it was made, and the database says what is stored", async () => {
    await using bench = await harvestBench({ servers: 2 });
    await bench.generate(6);
    await bench.generate(1, { batchSize: 3 });
    expect(await bench.harvest(strip)).toMatchObject({ done: 9, failed: 0 });
    await bench.expectStoreIsSound();
    for (const key of bench.column("select key from images") as string[]) {
      expect((await buffer((await bench.store.get(key))!)).includes("filename_prefix")).toBe(false);
    }
    expect(bench.column("select distinct unproven from images")).toEqual([0]);
    expect(bench.column("select distinct history_deleted from jobs")).toEqual([1]);
  });

  test("another job's image is still found out", async () => {
    await using bench = await harvestBench({ faults: "view-swap:1:always" });
    await bench.generate(3);
    expect(await bench.harvest({ ...strip, generate: { max_attempts: 1 } })).toMatchObject({ done: 0, failed: 3 });
    expect(bench.column("select distinct reason from images")).toEqual(["wrong-prompt"]);
    expect(await Array.fromAsync(bench.store.list(""))).toEqual([]);
  });

  test("after a crash the object is taken if it is the server's image, stripped; else it is replaced", async () => {
    await using bench = await harvestBench();
    await bench.generate(3);
    await bench.harvest(strip);
    const before = bench.column("select sha256 || key || bytes from images order by key");
    const [firstWritten, , lastWritten] = await objectTimes(bench);
    const [, key] = bench.column("select key from images order by key") as string[];
    const [other] = bench.column("select key from images order by key") as string[];
    const bytes = await buffer((await bench.store.get(other!))!);
    await bench.store.put(key!, bytes, bytes.length, { contentType: "image/png" });
    forgetStored(bench);
    expect(await bench.harvest(strip)).toMatchObject({ done: 3, failed: 0 });
    expect(bench.column("select sha256 || key || bytes from images order by key")).toEqual(before);
    await bench.expectStoreIsSound();
    const written = await objectTimes(bench);
    expect([written[0], written[2]]).toEqual([firstWritten, lastWritten]);
  });

  test("changed on a dataset that has images: the new ones follow it, the old ones stay", async () => {
    await using bench = await harvestBench();
    await bench.generate(2);
    await bench.harvest();
    const before = bench.column("select sha256 from images order by image_id");
    await bench.generate(2);
    await bench.harvest(strip);
    expect(bench.column("select sha256 from images order by image_id")).toEqual(expect.arrayContaining(before));
    await bench.expectStoreIsSound();
  });

  test("a fifth of the answers bad: all stored, none bad", async () => {
    await using bench = await harvestBench({ servers: 2 });
    await bench.generate(25, { batchSize: 4 });
    for (const emulator of bench.emulators) emulator.setFaults(FIFTH_BAD);
    await bench.harvestAll({ ...strip, clock: hastyClock, generate: { max_attempts: 9 } });
    expect(bench.states("images")).toEqual({ stored: 100 });
    await bench.expectStoreIsSound();
  });
});

describe("harvest() when it shall end", () => {
  test("stopping: what is in flight is settled, the rest waits", async () => {
    await using bench = await harvestBench();
    await bench.generate(25, { batchSize: 4 });
    const stopping = new AbortController();
    const store: ObjectStore = {
      ...bench.store,
      putNew: (...put) => {
        if (bench.events.length > 20) stopping.abort();
        return bench.store.putNew(...put);
      },
    };
    const report = await bench.harvest({ stopping: stopping.signal, store });
    expect(report.stopped).toBe(true);
    expect(report.done).toBeGreaterThan(20);
    expect(bench.states("images")).toEqual({ stored: report.done, listed: 100 - report.done });
    await bench.expectStoreIsSound();
    expect(await bench.harvest()).toMatchObject({ done: 100 - report.done });
  });

  test("aborted in the middle of transfers: at once, nothing half in the store, and the next run completes it", async () => {
    await using bench = await harvestBench({ faults: "view-stall" });
    await bench.generate(20);
    const abort = new AbortController();
    const running = bench.harvest({ signal: abort.signal, stopping: abort.signal });
    await expect.poll(() => bench.emulators[0]!.stats.viewed).toBe(16);
    abort.abort(new InterruptedError("twice Ctrl-C"));
    expect(await running).toMatchObject({ done: 0, failed: 0, stopped: true });
    expect(bench.states("images")).toEqual({ listed: 20 });
    expect(await readdir(join(bench.dir, "images")).catch(() => [])).not.toContain("images");
    bench.emulators[0]!.setFaults("");
    expect(await bench.harvest()).toMatchObject({ done: 20 });
    await bench.expectStoreIsSound();
  });
});

describe("500 images, a fifth of the answers bad", () => {
  test("into a folder: all stored, none bad, no socket left", async () => {
    const socketsBefore = openSockets();
    {
      await using bench = await harvestBench({ servers: 2 });
      await bench.generate(125, { batchSize: 4 });
      for (const emulator of bench.emulators) emulator.setFaults(FIFTH_BAD);
      await bench.harvestAll({ clock: hastyClock, generate: { max_attempts: 9 } }); // Each new file may be hit anew.
      expect(bench.states("images")).toEqual({ stored: 500 });
      expect(bench.states("jobs")).toEqual({ done: 125 });
      await bench.expectStoreIsSound();
      const retried = bench.emulators.reduce((sum, { stats }) => sum + stats.viewed, 0) - 500;
      expect(retried).toBeGreaterThan(60);
    }
    await expect.poll(openSockets).toBeLessThanOrEqual(socketsBefore);
  }, 60_000);
});

function never(): AbortSignal {
  return new AbortController().signal;
}

function firstImage(bench: HarvestBench): string {
  return bench.column("select image_id from images order by image_id limit 1")[0] as string;
}

function forgetStored(bench: HarvestBench): void {
  bench.db.client.exec("update images set state = 'listed', key = null, sha256 = null, bytes = null");
}

async function objectTimes(bench: HarvestBench): Promise<number[]> {
  const keys = bench.column("select key from images order by key") as string[];
  return Promise.all(keys.map(async (key) => (await stat(join(bench.dir, "images", key))).mtimeMs));
}
