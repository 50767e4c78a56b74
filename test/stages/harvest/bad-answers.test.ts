import { systemClock, type Clock } from "../../../src/lib/clock.ts";
import { describe, expect, test } from "vitest";
import { harvestBench } from "../../helpers/harvest-bench.ts";

/** A clock on which time passes 20 times as fast: back-offs of seconds take a moment. */
const startMs = Date.now();
const hastyClock: Clock = {
  nowMs: () => startMs + (Date.now() - startMs) * 20,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
};

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
