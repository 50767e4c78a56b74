import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../src/lib/clock.ts";
import { FatalError, TransientError } from "../../../src/errors.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { harvestBench, type HarvestBench } from "../../helpers/harvest-bench.ts";

/** A clock on which time passes 20 times as fast: back-offs of seconds take a moment. */
const startMs = Date.now();
const hastyClock: Clock = {
  nowMs: () => startMs + (Date.now() - startMs) * 20,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
};

describe("harvest() and servers that go", () => {
  test("one is down: the others' images go on; back again, its own follow", async () => {
    await using bench = await harvestBench({ servers: 3 });
    await bench.generate(30);
    const [down, ...up] = bench.emulators;
    await down!.kill();
    const running = bench.harvest({ clock: hastyClock });
    await expect.poll(() => bench.states("images")).toEqual({ stored: 20, listed: 10 });
    expect(bench.column("select distinct server from images where state = 'stored' order by 1")).toEqual(
      up.map(({ url }) => url).toSorted(),
    );
    await down!.start();
    expect(await running).toMatchObject({ done: 30, failed: 0 });
    expect(bench.column("select sum(failures) + sum(bad_fetches) from jobs join images using (job)")).toEqual([0]);
  });

  test("one is gone for good: its jobs are planned again, held against none", async () => {
    await using bench = await harvestBench({ servers: 2 });
    await bench.generate(10);
    await bench.emulators[1]!.kill();
    expect(await bench.harvest({ clock: hastyClock, generate: { give_up_s: 30 } })).toMatchObject({ done: 5, failed: 0 });
    expect(bench.states("jobs")).toEqual({ done: 5, planned: 5 });
    expect(bench.column("select distinct failures from jobs")).toEqual([0]);
    await bench.emulators[1]!.start();
    await bench.harvestAll();
    expect(bench.states("images")).toEqual({ stored: 10 });
  });

  test("one left the configuration: its jobs are planned again at once", async () => {
    await using bench = await harvestBench({ servers: 2 });
    await bench.generate(10);
    const [, gone] = bench.emulators;
    const comfy = new Map([...bench.comfy].filter(([url]) => url !== gone!.url));
    expect(await bench.harvest({ comfy })).toMatchObject({ done: 5 });
    expect(bench.states("jobs")).toEqual({ done: 5, planned: 5 });
    expect(bench.warnings).toContainEqual(expect.stringContaining(gone!.url));
  });

  test("restarts in mid-run count against no job", async () => {
    await using bench = await harvestBench({ servers: 2 });
    await bench.generate(40, { batchSize: 5 });
    const running = bench.harvest({ clock: hastyClock });
    for (const atLeast of [20, 60, 100]) {
      await expect.poll(() => bench.states("images")["stored"] ?? 0, { interval: 2 }).toBeGreaterThan(atLeast);
      await bench.emulators[atLeast % 40 === 20 ? 1 : 0]!.restart();
    }
    expect(await running).toMatchObject({ done: 200, failed: 0 });
    expect(bench.column("select distinct failures from jobs")).toEqual([0]);
    await bench.expectStoreIsSound();
  });

  test("503 with Retry-After is waited out", async () => {
    await using bench = await harvestBench({ faults: "http-503:0.3" });
    bench.emulators[0]!.setFaults("");
    await bench.generate(10);
    bench.emulators[0]!.setFaults("http-503:3@1");
    expect(await bench.harvest({ clock: hastyClock })).toMatchObject({ done: 10, failed: 0 });
  });

  test("an image that stalls every time is held against the image, not the server", async () => {
    await using bench = await harvestBench({ timeoutMs: 300 });
    await bench.generate(8);
    bench.emulators[0]!.setFaults("view-stall:1@1:always");
    await bench.harvest({ clock: hastyClock, generate: { max_attempts: 1 } });
    expect(bench.states("images")).toEqual({ stored: 7, rejected: 1 });
    expect(bench.column("select reason from images where state = 'rejected'")).toEqual(["truncated"]);
  });
});

describe("harvest() and its store", () => {
  test("a store in trouble is waited for, and slows all", async () => {
    await using bench = await harvestBench();
    await bench.generate(20);
    let failures = 0;
    let running = 0;
    let atOnce = 0;
    const store: ObjectStore = {
      ...bench.store,
      async putNew(...put) {
        atOnce = Math.max(atOnce, ++running);
        try {
          if (failures++ < 20) throw new TransientError("SlowDown");
          return await bench.store.putNew(...put);
        } finally {
          running--;
        }
      },
    };
    expect(await bench.harvest({ store, clock: hastyClock })).toMatchObject({ done: 20, failed: 0 });
    expect(atOnce).toBe(16);
    expect(bench.column("select sum(failures) + sum(bad_fetches) from jobs join images using (job)")).toEqual([0]);
    await bench.expectStoreIsSound();
  });

  test("a fatal error of the store ends the stage, with what is in flight settled", async () => {
    await using bench = await harvestBench();
    await bench.generate(20);
    let puts = 0;
    const store: ObjectStore = {
      ...bench.store,
      putNew: (...put) => (++puts === 5 ? Promise.reject(new FatalError("disk full")) : bench.store.putNew(...put)),
    };
    await expect(bench.harvest({ store })).rejects.toThrow("disk full");
    expect(bench.states("images")["listed"]).toBeGreaterThan(0);
    await bench.expectStoreIsSound();
    expect(await bench.harvest()).toMatchObject({ failed: 0 });
    expect(bench.states("images")).toEqual({ stored: 20 });
  });

  test("after a crash between store and database the object is adopted as it is", async () => {
    await using bench = await harvestBench();
    await bench.generate(4);
    await bench.harvest();
    const before = bench.column("select sha256 || key || bytes from images order by image_id");
    const written = await objectTimes(bench);
    forgetStored(bench);
    expect(await bench.harvest()).toMatchObject({ done: 4, failed: 0 });
    expect(bench.column("select sha256 || key || bytes from images order by image_id")).toEqual(before);
    expect(await objectTimes(bench)).toEqual(written);
  });

  test.each(["half of an image", "another job's image", "nothing"])("where the key holds %s, it is replaced", async (what) => {
    await using bench = await harvestBench();
    await bench.generate(2);
    await bench.harvest();
    const keys = bench.column("select key from images order by key") as string[];
    const other = Buffer.from(await new Response(ReadableStream.from((await bench.store.get(keys[1]!))!)).arrayBuffer());
    const bytes = { "half of an image": other.subarray(0, 900), "another job's image": other, nothing: Buffer.alloc(0) }[what]!;
    await bench.store.put(keys[0]!, bytes, bytes.length, { contentType: "image/png" });
    forgetStored(bench);
    expect(await bench.harvest()).toMatchObject({ done: 2, failed: 0 });
    await bench.expectStoreIsSound();
  });
});

function forgetStored(bench: HarvestBench): void {
  bench.db.client.exec("update images set state = 'listed', key = null, sha256 = null, bytes = null");
}

async function objectTimes(bench: HarvestBench): Promise<number[]> {
  const keys = bench.column("select key from images order by key") as string[];
  return Promise.all(keys.map(async (key) => (await stat(join(bench.dir, "images", key))).mtimeMs));
}
