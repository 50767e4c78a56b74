import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FatalError, InterruptedError, TransientError } from "../../../src/errors.ts";
import { systemClock, type Clock } from "../../../src/lib/clock.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { s3Store } from "../../../src/stores/s3/s3.ts";
import { harvestBench, type HarvestBench } from "../../helpers/harvest-bench.ts";
import { requirePart } from "../../helpers/parts.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";

/** A clock on which time passes 20 times as fast: back-offs of seconds take a moment. */
const startMs = Date.now();
const hastyClock: Clock = {
  nowMs: () => startMs + (Date.now() - startMs) * 20,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
};

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

describe("harvest() and bad answers to /view", () => {
  test.each([
    ["view-cut", "truncated"],
    ["view-short", "truncated"],
    ["view-flip", "corrupt"],
    ["view-html", "not-an-image"],
    ["view-swap", "wrong-prompt"],
  ])("%s once: the image is fetched again", async (fault) => {
    await using bench = await harvestBench({ faults: fault });
    await bench.generate(6);
    expect(await bench.harvest({ clock: hastyClock })).toMatchObject({ done: 6, failed: 0 });
    expect(bench.emulators[0]!.stats.viewed).toBe(12);
    expect(bench.column("select distinct failures from jobs")).toEqual([0]);
    await bench.expectStoreIsSound();
  });

  test.each([
    ["view-cut", "truncated"],
    ["view-short", "truncated"],
    ["view-html", "not-an-image"],
  ])("%s always: after max_attempts the job runs again, then the image is rejected as %s", async (fault, reason) => {
    await using bench = await harvestBench({ faults: `${fault}:1:always` });
    await bench.generate(3);
    const clock = hastyClock;
    expect(await bench.harvest({ clock, generate: { max_attempts: 2 } })).toMatchObject({ done: 0, failed: 0 });
    expect(bench.states("jobs")).toEqual({ planned: 3 });
    expect(bench.states("images")).toEqual({});
    expect(bench.column("select distinct failures * 10 + free_first from jobs")).toEqual([11]);
    await bench.regenerate();
    expect(await bench.harvest({ clock, generate: { max_attempts: 2 } })).toMatchObject({ done: 0, failed: 3 });
    expect(bench.column("select reason from images where state = 'rejected'")).toEqual([reason, reason, reason]);
    expect(bench.states("jobs")).toEqual({ done: 3 });
    expect(bench.column("select distinct history_deleted from jobs")).toEqual([1]);
    expect(await Array.fromAsync(bench.store.list(""))).toEqual([]);
  });

  test.each([
    ["view-webp", "altered", /named as PNG and holds webp.*image proxy/],
    ["view-small", "altered", /is 32×32, and its graph asks for 64×64/],
    ["view-animated", "animated", /2 frames/],
    ["view-bare", "wrong-prompt", /embeds no prompt/],
    ["view-swap", "wrong-prompt", /another job's/],
  ])("%s always: rejected as %s after a second fetch, and never made again", async (fault, reason, detail) => {
    await using bench = await harvestBench({ faults: `${fault}:1:always` });
    await bench.generate(3);
    expect(await bench.harvest({ clock: hastyClock })).toMatchObject({ done: 0, failed: 3 });
    expect(bench.column("select distinct reason from images where state = 'rejected'")).toEqual([reason]);
    expect(bench.column("select detail from images limit 1")[0]).toMatch(detail);
    expect(bench.states("jobs")).toEqual({ done: 3 });
    expect(bench.emulators[0]!.stats).toMatchObject({ viewed: 6, executed: 3 });
    expect(await Array.fromAsync(bench.store.list(""))).toEqual([]);
  });

  test.each(["view-webp", "view-small", "view-animated", "view-bare"])("%s once: the second fetch is stored", async (fault) => {
    await using bench = await harvestBench({ faults: fault });
    await bench.generate(3);
    expect(await bench.harvest({ clock: hastyClock })).toMatchObject({ done: 3, failed: 0 });
    expect(bench.column("select distinct unproven from images")).toEqual([0]);
    await bench.expectStoreIsSound();
  });

  test("a proxy that packs every answer changes nothing", async () => {
    await using bench = await harvestBench({ faults: "view-gzip:1:always" });
    await bench.generate(3);
    expect(await bench.harvest()).toMatchObject({ done: 3, failed: 0 });
    expect(bench.column("select distinct unproven from images")).toEqual([0]);
    await bench.expectStoreIsSound();
  });

  test("a saver that need not embed the prompt: an image without one is stored as unproven, another job's is refused", async () => {
    await using bench = await harvestBench({ faults: "view-bare:1:always" });
    bench.db.client.exec("update variants set graph = replace(graph, 'SaveImage', 'Image Saver')");
    await bench.generate(2);
    expect(await bench.harvest()).toMatchObject({ done: 2, failed: 0 });
    expect(bench.column("select distinct unproven from images")).toEqual([1]);
    bench.emulators[0]!.setFaults("view-swap:1:always");
    await bench.generate(2);
    expect(await bench.harvest({ clock: hastyClock })).toMatchObject({ done: 0, failed: 2 });
    expect(bench.column("select distinct reason from images where state = 'rejected'")).toEqual(["wrong-prompt"]);
  });

  test("a size that the prompt brings is what its image must have", async () => {
    await using bench = await harvestBench();
    bench.db.client.exec(
      `update variants set bindings = '{"width":[{"nodeId":"1","input":"width"}]}'; update prompts set bound = '{"width":96}'`,
    );
    await bench.generate(1);
    expect(await bench.harvest({ clock: hastyClock })).toMatchObject({ done: 0, failed: 1 });
    expect(bench.column("select detail from images")[0]).toMatch(/is 64×64, and its graph asks for 96×64/);
    bench.db.client.exec(`update prompts set bound = '{"width":64}'`);
    await bench.generate(1);
    expect(await bench.harvest()).toMatchObject({ done: 1, failed: 0 });
  });

  test("a variant whose first 20 images are all refused for one reason is paused, with 19 it is not", async () => {
    await using bench = await harvestBench({ faults: "view-webp:1:always" });
    const state = () => bench.column("select state from variants")[0];
    await bench.generate(19);
    await bench.harvest({ clock: hastyClock });
    expect([state(), bench.warnings.filter((line) => line.includes("PAUSED"))]).toEqual(["active", []]);
    await bench.generate(3);
    await bench.harvest({ clock: hastyClock });
    expect(state()).toBe("paused");
    expect(bench.warnings.filter((line) => line.includes("PAUSED"))).toEqual([
      expect.stringMatching(/first 20 images, all as altered.*\n.*retry --variant "base"/),
    ]);
    expect(bench.column("select reason from variants")[0]).toMatch(/^altered: .*named as PNG and holds webp/);
    expect(bench.events.filter(({ event }) => event === "variant_paused")).toHaveLength(1);
  });

  test.each([
    ["one of them was stored", "", "view-webp:1:always"],
    ["they had several faults", "view-animated:1:always", "view-webp:1:always"],
  ])("a variant is not paused where %s", async (_what, first, then) => {
    await using bench = await harvestBench({ faults: first });
    await bench.generate(1);
    await bench.harvest({ clock: hastyClock });
    bench.emulators[0]!.setFaults(then);
    await bench.generate(25);
    await bench.harvest({ clock: hastyClock });
    expect(bench.column("select state from variants")).toEqual(["active"]);
    expect(bench.states("images")["rejected"]).toBeGreaterThanOrEqual(25);
  });

  test("view-swap always: rejected as wrong-prompt", async () => {
    await using bench = await harvestBench({ faults: "view-swap:1:always" });
    await bench.generate(3);
    expect(await bench.harvest({ generate: { max_attempts: 1 } })).toMatchObject({ done: 0, failed: 3 });
    expect(bench.column("select distinct reason from images")).toEqual(["wrong-prompt"]);
  });

  test("a lost file: its job runs again with the node cache freed, and fails after max_attempts", async () => {
    await using bench = await harvestBench();
    await bench.generate(3);
    const [image] = bench.column("select image_id from images limit 1") as string[];
    const [lost] = bench.column(`select filename from images where image_id = '${image}'`) as string[];
    const [subfolder] = bench.column(`select subfolder from images where image_id = '${image}'`) as string[];
    bench.emulators[0]!.deleteFile(lost!, subfolder!, "output");
    expect(await bench.harvest()).toMatchObject({ done: 2, failed: 0 });
    expect(bench.column("select failures || free_first || state from jobs where state = 'planned'")).toEqual(["11planned"]);
    await bench.regenerate();
    await bench.harvest();
    expect(bench.states("images")).toEqual({ stored: 3 });
    expect(bench.column("select image_id from images where attempt > 1")).toEqual([image]);

    bench.emulators[0]!.setFaults("view-404:1:always");
    await bench.generate(1);
    for (let attempt = 1; attempt < 3; attempt++) {
      await bench.harvest();
      expect(await bench.regenerate()).toBe(1);
    }
    expect(await bench.harvest()).toMatchObject({ done: 0, failed: 1 });
    expect(bench.column("select reason from jobs where state = 'failed'")).toEqual(["lost-file"]);
    expect(bench.states("images")).toEqual({ stored: 3 });
  });

  test("one lost image of a batch: the others stay stored, and the new run gives the one", async () => {
    await using bench = await harvestBench();
    await bench.generate(1, { batchSize: 3 });
    const [lost] = bench.column("select filename from images where batch_index = 2") as string[];
    const [subfolder] = bench.column("select subfolder from images where batch_index = 2") as string[];
    bench.emulators[0]!.deleteFile(lost!, subfolder!, "output");
    await bench.harvest({ config: { concurrency: 1 } });
    expect(bench.states("images")).toEqual({ stored: 2 });
    expect(bench.states("jobs")).toEqual({ planned: 1 });
    await bench.regenerate();
    expect(bench.states("images")).toEqual({ stored: 2, listed: 1 });
    await bench.harvest();
    expect(bench.states("images")).toEqual({ stored: 3 });
    await bench.expectStoreIsSound();
  });

  test.each([
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "a\u0000.png",
    "a\u001b[2J.png",
    "x".repeat(300),
    "a/b.png",
    "a\\b.png",
    "C:x.png",
    "a\u202egnp.exe",
    "",
  ])("the filename %j is rejected before any request", async (filename) => {
    await using bench = await harvestBench();
    await bench.generate(1);
    bench.db.client.prepare("update images set filename = ?").run(filename);
    expect(await bench.harvest()).toMatchObject({ done: 0, failed: 1 });
    expect(bench.column("select reason from images")).toEqual(["hostile-name"]);
    expect(bench.emulators[0]!.stats.viewed).toBe(0);
    for (const warning of bench.warnings) expect(warning).toMatch(/^[ -~]{1,400}$/);
  });

  test("too many bytes are rejected at once", async () => {
    await using bench = await harvestBench();
    await bench.generate(2);
    expect(await bench.harvest({ config: { max_image_mb: 0.001 } })).toMatchObject({ done: 0, failed: 2 });
    expect(bench.column("select distinct reason from images")).toEqual(["too-large"]);
  });

  test("without embedded prompts: unproven where the server says so, else rejected", async () => {
    await using bench = await harvestBench({ disableMetadata: true });
    await bench.generate(2);
    bench.db.client.prepare("insert into servers (url, without_metadata) values (?, 1)").run(bench.emulators[0]!.url);
    await bench.harvest();
    expect(bench.column("select unproven from images where state = 'stored'")).toEqual([1, 1]);
    bench.db.client.exec("update servers set without_metadata = 0");
    await bench.generate(1);
    await bench.harvest({ generate: { max_attempts: 1 } });
    expect(bench.column("select reason from images where state = 'rejected'")).toEqual(["wrong-prompt"]);
  });
});

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

  test.each(["half of a picture", "another job's picture", "nothing"])("where the key holds %s, it is replaced", async (what) => {
    await using bench = await harvestBench();
    await bench.generate(2);
    await bench.harvest();
    const keys = bench.column("select key from images order by key") as string[];
    const other = Buffer.from(await new Response(ReadableStream.from((await bench.store.get(keys[1]!))!)).arrayBuffer());
    const bytes = { "half of a picture": other.subarray(0, 900), "another job's picture": other, nothing: Buffer.alloc(0) }[what]!;
    await bench.store.put(keys[0]!, bytes, bytes.length, { contentType: "image/png" });
    forgetStored(bench);
    expect(await bench.harvest()).toMatchObject({ done: 2, failed: 0 });
    await bench.expectStoreIsSound();
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

  test("another job's picture is still found out", async () => {
    await using bench = await harvestBench({ faults: "view-swap:1:always" });
    await bench.generate(3);
    expect(await bench.harvest({ ...strip, generate: { max_attempts: 1 } })).toMatchObject({ done: 0, failed: 3 });
    expect(bench.column("select distinct reason from images")).toEqual(["wrong-prompt"]);
    expect(await Array.fromAsync(bench.store.list(""))).toEqual([]);
  });

  test("after a crash the object is taken if it is the server's picture, stripped; else it is replaced", async () => {
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
    for (const emulator of bench.emulators) emulator.setFaults(FIFTH);
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

/** A fifth of the files, each spoiled once in one of seven ways. */
const FIFTH = "view-404:0.03,view-cut:0.04,view-short:0.03,view-flip:0.03,view-html:0.03,view-swap:0.03,http-503:0.01";

describe("500 images, a fifth of the answers bad", () => {
  test("into a folder: all stored, none bad, no socket left", async () => {
    const socketsBefore = openSockets();
    {
      await using bench = await harvestBench({ servers: 2 });
      await bench.generate(125, { batchSize: 4 });
      for (const emulator of bench.emulators) emulator.setFaults(FIFTH);
      await bench.harvestAll({ clock: hastyClock, generate: { max_attempts: 9 } }); // Each new file may be hit anew.
      expect(bench.states("images")).toEqual({ stored: 500 });
      expect(bench.states("jobs")).toEqual({ done: 125 });
      await bench.expectStoreIsSound();
      const retried = bench.emulators.reduce((sum, { stats }) => sum + stats.viewed, 0) - 500;
      expect(retried).toBeGreaterThan(60);
    }
    await expect.poll(openSockets).toBeLessThanOrEqual(socketsBefore);
  }, 60_000);

  describe.skipIf(!requirePart("seaweedfs", findWeed() !== undefined))("into S3", () => {
    let seaweed: Seaweed;
    beforeAll(async () => {
      Object.assign(process.env, SEAWEED_CREDENTIALS);
      seaweed = await startSeaweed();
    }, 60_000);
    afterAll(() => seaweed.stop());

    test("all stored, none bad, no socket left", async () => {
      const socketsBefore = openSockets();
      const store = await s3Store({ uri: `s3://${seaweed.bucket}/run`, endpoint: seaweed.endpoint, concurrency: 16 });
      {
        await using bench = await harvestBench({ servers: 2, store });
        await bench.generate(125, { batchSize: 4 });
        for (const emulator of bench.emulators) emulator.setFaults(FIFTH);
        await bench.harvestAll({ clock: hastyClock, generate: { max_attempts: 9 } }); // Each new file may be hit anew.
        expect(bench.states("images")).toEqual({ stored: 500 });
        await bench.expectStoreIsSound();
        await store.close();
      }
      await expect.poll(openSockets).toBeLessThanOrEqual(socketsBefore);
    }, 60_000);
  });
});

function never(): AbortSignal {
  return new AbortController().signal;
}

function firstImage(bench: HarvestBench): string {
  return bench.column("select image_id from images order by image_id limit 1")[0] as string;
}

/** As a crash leaves it: the objects are there, the rows say that they are not. */
function forgetStored(bench: HarvestBench): void {
  bench.db.client.exec("update images set state = 'listed', key = null, sha256 = null, bytes = null");
}

async function objectTimes(bench: HarvestBench): Promise<number[]> {
  const keys = bench.column("select key from images order by key") as string[];
  return Promise.all(keys.map(async (key) => (await stat(join(bench.dir, "images", key))).mtimeMs));
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.startsWith("TCP")).length;
}
