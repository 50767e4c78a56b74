import { existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import type { ObjectStore } from "../../../src/stores/object-store.ts";
import { FatalError } from "../../../src/errors.ts";
import { harvestBench, type BenchChanges, type HarvestBench } from "../../helpers/harvest-bench.ts";

/** The emulators' output folder as a mount shows it: a copy of every file that harvest will fetch. */
async function mount(bench: HarvestBench): Promise<string> {
  const folder = join(bench.dir, "mounted");
  mkdirSync(folder, { recursive: true });
  const images = bench.db.client.prepare("select server, filename, subfolder, type from images where state = 'listed'").all() as Listed[];
  for (const { server, filename, subfolder, type } of images) {
    const query = new URLSearchParams({ filename, subfolder, type });
    const bytes = Buffer.from(await (await fetch(`${server}/view?${query.toString()}`)).arrayBuffer());
    mkdirSync(join(folder, subfolder), { recursive: true });
    writeFileSync(join(folder, subfolder, filename), bytes);
  }
  return folder;
}

interface Listed {
  readonly server: string;
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

const files = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(folder, name)).isFile())
    : [];
const pathOf = (bench: HarvestBench, folder: string): string =>
  join(folder, String(bench.column("select subfolder || '/' || filename from images order by image_id limit 1")[0]));
const counters = (bench: HarvestBench) =>
  Object.fromEntries((bench.db.client.prepare("select name, value from counters").raw().all() as [string, number][]).map((row) => row));

describe("harvest.reclaim", () => {
  test.each(["keep", "strip"] as const)(
    "metadata %s: originals go once stored, with the folders that they leave empty",
    async (metadata) => {
      await using bench = await harvestBench({ servers: 2 });
      await bench.generate(8);
      const outputDir = await mount(bench);
      writeFileSync(join(outputDir, "mine.png"), "not ours");
      expect(await bench.harvest({ outputDir, metadata, config: { reclaim: true } })).toMatchObject({ done: 8 });
      expect(files(outputDir)).toEqual(["mine.png"]);
      expect(readdirSync(outputDir)).toEqual(["mine.png"]);
      expect(counters(bench)).toEqual({ reclaimed_originals: 8 });
      await bench.expectStoreIsSound();
    },
  );

  test.each<[string, BenchChanges]>([
    ["reclaim is false", {}],
    ["no output_dir is set", { config: { reclaim: true }, outputDir: undefined as never }],
  ])("nothing goes where %s", async (_what, changes) => {
    await using bench = await harvestBench();
    await bench.generate(2);
    const folder = await mount(bench);
    await bench.harvest({ ...("outputDir" in changes ? {} : { outputDir: folder }), ...changes });
    expect(files(folder)).toHaveLength(2);
  });

  test("what is not stored stays: a rejected image, one that the store refused", async () => {
    await using bench = await harvestBench();
    await bench.generate(4);
    const outputDir = await mount(bench);
    const [rejected] = bench.column("select image_id from images order by image_id") as string[];
    bench.db.client.prepare("update images set node_id = '99' where image_id = ?").run(rejected);
    const store: ObjectStore = {
      ...bench.store,
      putNew: (key, ...rest) =>
        key.includes(String(rejected)) ? bench.store.putNew(key, ...rest) : Promise.reject(new FatalError("disk full")),
    };
    const reclaim = { outputDir, config: { reclaim: true }, generate: { max_attempts: 1 } };
    await expect(bench.harvest({ ...reclaim, store })).rejects.toThrow("disk full");
    expect(files(outputDir)).toHaveLength(4);
    expect(await bench.harvest(reclaim)).toMatchObject({ done: 3 });
    expect(bench.states("images")).toEqual({ rejected: 1, stored: 3 });
    expect(files(outputDir).map((name) => join(outputDir, name))).toEqual([pathOf(bench, outputDir)]);
  });

  test("another length, a link, a link on the way: the file stays, with a warning and a count", async () => {
    await using bench = await harvestBench();
    await bench.generate(3);
    const outputDir = await mount(bench);
    const elsewhere = join(bench.dir, "elsewhere");
    mkdirSync(elsewhere);
    const [longer, link, folderLink] = (bench.column("select subfolder || '/' || filename from images order by image_id") as string[]).map(
      (name) => join(outputDir, name),
    );
    writeFileSync(longer!, "another file of that name");
    renameSync(link!, join(elsewhere, "precious.png"));
    symlinkSync(join(elsewhere, "precious.png"), link!);
    const shard = join(folderLink!, "..");
    renameSync(shard, join(elsewhere, "shard"));
    symlinkSync(join(elsewhere, "shard"), shard);
    const before = files(elsewhere);
    expect(await bench.harvest({ outputDir, config: { reclaim: true } })).toMatchObject({ done: 3, failed: 0 });
    expect(files(elsewhere)).toEqual(before);
    expect(existsSync(longer!) && existsSync(link!) && existsSync(folderLink!)).toBe(true);
    expect(counters(bench)).toEqual({ unreclaimed_originals: 3 });
    for (const why of ["bytes, and what was stored had", "no plain file", "a link leads from it"])
      expect(bench.warnings).toContainEqual(expect.stringContaining(why));
  });

  test("a server that names other people's files: fetched as it says, never deleted", async () => {
    await using bench = await harvestBench();
    await bench.generate(1);
    const outputDir = await mount(bench);
    // The same image, which does name the job, under another's name.
    const [from] = bench.column("select subfolder || '/' || filename from images") as string[];
    renameSync(join(outputDir, from!), join(outputDir, "holiday.png"));
    const [client] = bench.comfy.values();
    const comfy = new Map([
      [client!.url, { ...client!, view: (_: unknown, signal: AbortSignal) => client!.view(sourceOf(from!), signal) }],
    ]);
    bench.db.client.exec("update images set filename = 'holiday.png', subfolder = ''");
    expect(await bench.harvest({ outputDir, comfy, config: { reclaim: true } })).toMatchObject({ done: 1 });
    expect(files(outputDir)).toEqual(["holiday.png"]);
    expect(bench.warnings[0]).toContain("not named");
  });

  test.each(["keep", "strip"] as const)(
    "metadata %s: leftovers of an earlier run go at the next start, if they are what is stored",
    async (metadata) => {
      await using bench = await harvestBench();
      await bench.generate(3);
      const outputDir = await mount(bench);
      await bench.harvest({ outputDir, metadata });
      expect(files(outputDir)).toHaveLength(3);
      const changed = pathOf(bench, outputDir);
      writeFileSync(changed, Buffer.alloc(statSync(changed).size, 1));
      await bench.harvest({ outputDir, metadata, config: { reclaim: true } });
      expect(files(outputDir).map((name) => join(outputDir, name))).toEqual([changed]);
    },
  );

  test("a folder that is not mounted gives one warning, and harms no image", async () => {
    await using bench = await harvestBench();
    await bench.generate(3);
    expect(await bench.harvest({ outputDir: join(bench.dir, "absent"), config: { reclaim: true } })).toMatchObject({ done: 3, failed: 0 });
    expect(bench.warnings.filter((warning) => warning.includes("is not there"))).toHaveLength(1);
    expect(counters(bench)).toEqual({ unreclaimed_originals: 3 });
  });

  test("after a crash between store and database the originals go, too", async () => {
    await using bench = await harvestBench();
    await bench.generate(2);
    const outputDir = await mount(bench);
    await bench.harvest({ outputDir });
    bench.db.client.exec("update images set state = 'listed', key = null, sha256 = null, bytes = null");
    await bench.harvest({ outputDir, config: { reclaim: true } });
    expect(files(outputDir)).toEqual([]);
  });

  test("folders stay while a server may be writing", async () => {
    await using bench = await harvestBench();
    await bench.generate(2);
    const outputDir = await mount(bench);
    const [job] = bench.column("select job from jobs order by job limit 1");
    bench.db.client.exec(
      `insert into jobs (job, prompt_key, variant, seed, seed_index, position, state) values ('x', 'p_1', 'base', '9', 0, 9, 'submitted')`,
    );
    await bench.harvest({ outputDir, clock: systemClock, config: { reclaim: true } });
    expect(files(outputDir)).toEqual([]);
    expect(existsSync(join(outputDir, "test", String(job).slice(0, 3)))).toBe(true);
  });
});

function sourceOf(path: string) {
  const parts = path.split("/");
  const filename = parts.pop()!;
  return { filename, subfolder: parts.join("/"), type: "output" };
}
