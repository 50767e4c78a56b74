import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GetObjectTaggingCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { requirePart } from "../../helpers/parts.ts";
import { runCli, startCli, type CliResult } from "../../helpers/run-cli.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// What keeps disks and buckets from filling up, and deletes nothing that anybody needs.

/** Three images a prompt, of which a row shows two. */
const PAIRS = { annotate: { filters: { near_duplicate: 0 }, pairs: { policy: "best-worst" } } };
const UNUSED = PROMPTS.length;

const DIE_AT_UNLINK = join(import.meta.dirname, "../../helpers/die-at-unlink.ts");

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const open = (config: Readonly<Record<string, unknown>> = {}): Project =>
  (project = makeProject({ servers: [emulator.url], config: { ...PAIRS, ...config } }));
const cli = (...args: readonly string[]): Promise<CliResult> => runCli([...args, "-c", project.config], { env: SEAWEED_CREDENTIALS });

async function succeed(...args: readonly string[]): Promise<CliResult> {
  const result = await cli(...args);
  expect(result.exit, result.stderr).toBe(0);
  return result;
}

const images = (made: Project): string[] =>
  readdirSync(join(made.runs, "images/images"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".png"));

describe("prune", () => {
  it("says what it would delete, deletes it with --yes, and every row and every later run stays as it was", async () => {
    const made = open();
    await succeed("run");
    const before = made.exported();
    const dry = await succeed("prune");
    expect(dry.stdout).toMatch(new RegExp(`^${UNUSED} stored images \\(.*KB\\).*Nothing was changed: .*prune --yes`));
    expect(images(made)).toHaveLength(UNUSED * 3);

    expect((await succeed("prune", "--yes")).stdout).toContain(`Deleted: ${UNUSED} images`);
    expect(images(made)).toHaveLength(UNUSED * 2);
    expect((await succeed("verify")).stdout).toContain(`${UNUSED * 2} images`);
    const status = await succeed("status");
    expect(status.stdout).toContain(`0 pending + ${UNUSED * 3} stored + 0 rejected`);
    expect(status.stdout).toContain(`${UNUSED} images: pruned`);
    expect(made.column("select distinct state || reason || coalesce(key, '-') from images where state <> 'stored'")).toEqual([
      "excludedpruned-",
    ]);

    await succeed("report");
    const submitted = emulator.stats.submitted;
    expect((await succeed("run")).stderr).toContain("Nothing new since v1");
    expect(emulator.stats.submitted).toBe(submitted);
    expect(made.exported()).toEqual(before);
    expect((await succeed("prune", "--yes")).stdout).toContain("Deleted: 0 images");
  });

  it("under other rules rows are made of what is left", async () => {
    const made = open();
    await succeed("run");
    await succeed("prune", "--yes");
    made.configure({ annotate: { filters: { near_duplicate: 0 }, pairs: { policy: "best-rest" } } });
    await succeed("export");
    const rows = [...made.rows("v1"), ...(readdirSync(join(made.runs, "export")).includes("v2") ? made.rows("v2") : [])];
    for (const row of rows) expect(row["rejected"]).toHaveLength(1);
    expect((await succeed("verify")).stdout).toContain("All is well");
  });

  it("keeps what any version shows, prompts without a row, and what is young, unless told", async () => {
    const made = open();
    await succeed("run");
    made.configure({ annotate: { filters: { near_duplicate: 0 }, pairs: { policy: "best-rest", max_per_prompt: 1 } } });
    await succeed("export");
    expect((await succeed("prune")).stdout).toMatch(/^0 stored images/);
    // Nothing is linked, but v1 and v2 show all of it.
    made.configure({ annotate: { filters: { near_duplicate: 0 }, pairs: { min_margin: 1_000 } } });
    await succeed("link");
    expect((await succeed("prune", "--unpaired")).stdout).toMatch(/^0 stored images/);

    rmSync(join(made.runs, "export/v2"), { recursive: true });
    const lost = await cli("prune", "--unpaired", "--yes");
    expect(lost.exit).toBe(2);
    expect(lost.stderr).toMatch(/Cannot tell which images v2 shows.*\nTry: .*--ignore-missing/);
    expect((await succeed("prune", "--ignore-missing")).stdout).toMatch(/^0 stored images/);
    expect((await succeed("prune", "--ignore-missing", "--unpaired", "--older-than", "1")).stdout).toMatch(/^0 stored images/);
    expect((await succeed("prune", "--ignore-missing", "--unpaired")).stdout).toMatch(new RegExp(`^${UNUSED} stored images`));
    const bad = await cli("prune", "--older-than", "soon");
    expect([bad.exit, bad.stderr]).toEqual([2, expect.stringContaining("--older-than 30")]);
  });

  it("lists objects that no row stands for, a day old, and deletes those only where it is asked to", async () => {
    const made = open();
    await succeed("run");
    const orphan = join(made.runs, "images/images/0ab", `i_${"0ab".padEnd(32, "0")}.png`);
    const young = join(made.runs, "images/images/0ab", `i_${"0ab".padEnd(32, "1")}.png`);
    const foreign = join(made.runs, "images/images/0ab/holiday.png");
    mkdirSync(join(orphan, ".."), { recursive: true });
    for (const file of [orphan, young, foreign]) writeFileSync(file, "x");
    for (const file of [orphan, foreign]) utimesSync(file, 1_000, 1_000);
    const { stdout } = await succeed("prune", "--yes");
    expect(stdout).toContain(`${orphan}: no row of the database knows it`);
    expect(stdout).toContain("1 object (1 bytes)");
    expect(images(made)).toHaveLength(UNUSED * 2 + 3);
    expect((await succeed("prune", "--yes", "--orphans")).stdout).toContain("deleted");
    expect(images(made)).toHaveLength(UNUSED * 2 + 2);
  });

  it("killed at any image it deletes, is ended by the next, which says so", async () => {
    const made = open();
    await succeed("run");
    const before = made.exported();
    const unused = made.column("select count(*) from images");
    expect(unused).toEqual([UNUSED * 3]);
    for (const dieAt of [1, 3]) {
      const killed = startCli(["prune", "--yes", "-c", made.config], {
        env: { NODE_OPTIONS: `--import=${DIE_AT_UNLINK}`, DIE_AT_UNLINK: String(dieAt) },
      });
      await killed.result;
      expect(killed.child.signalCode).toBe("SIGKILL");
      expect((await succeed("verify")).stdout).toContain("All is well");
      expect((await succeed("prune")).stdout).toContain("stored images (");
    }
    await succeed("prune", "--yes");
    expect(images(made)).toHaveLength(UNUSED * 2);
    expect((await succeed("prune", "--yes")).stdout).toContain("Deleted: 0 images");
    expect((await succeed("run")).stderr).toContain("Nothing new since v1");
    expect(made.exported()).toEqual(before);
  });

  it("deletes what a prune of an earlier program left when it was killed", async () => {
    const made = open();
    await succeed("run");
    await succeed("prune", "--yes");
    const [id = ""] = made.column("select image_id from images where reason = 'pruned'").map(String);
    const left = join(made.runs, "images/images", id.slice(2, 5), `${id}.png`);
    writeFileSync(left, "x");
    utimesSync(left, 1_000, 1_000);
    await succeed("prune", "--yes");
    expect(images(made)).toHaveLength(UNUSED * 2);
  });
});

describe("store.metadata: strip", () => {
  it("killed at any time, a run ends in the same bytes, and none of them tells how it was made", async () => {
    const undisturbed = open({ store: { metadata: "strip" } });
    await succeed("run");
    const expected = undisturbed.exported();
    undisturbed.remove();
    const made = open({ store: { metadata: "strip" } });
    for (const stored of [2, 6]) {
      const running = startCli(["run", "-c", made.config]);
      await expect
        .poll(() => made.count("select count(*) from images where state = 'stored'"), { timeout: 20_000, interval: 5 })
        .toBeGreaterThanOrEqual(stored);
      running.child.kill("SIGKILL");
      await running.result;
    }
    await succeed("run");
    expect(made.exported()).toEqual(expected);
    for (const name of images(made)) {
      expect(readFileSync(join(made.runs, "images/images", name)).includes("filename_prefix")).toBe(false);
    }
    expect((await succeed("verify")).stdout).toContain("All is well");
    made.configure({
      store: { metadata: "keep" },
      candidates: { per_prompt: 3, variants: [{ name: "base", set: { width: 64, height: 64 } }] },
    });
    expect((await succeed("harvest")).stderr).toContain(
      'store.metadata: "strip" → "keep", for what is stored from now on; images stored before stay as they are',
    );
  });
});

describe("lifecycle", () => {
  it("says that a folder has none", async () => {
    open();
    expect((await succeed("lifecycle")).stdout).toContain("deletes nothing by itself");
    for (const args of [
      ["lifecycle", "--set", "30", "--yes"],
      ["prune", "--expire"],
    ]) {
      if (args[0] === "prune") await succeed("run", "--prompts", "1");
      const { exit, stderr } = await cli(...args);
      expect(exit).toBe(2);
      expect(stderr).toContain("prune --yes");
    }
  });

  it.each([
    [["--yes"], "--set DAYS --yes"],
    [["--set", "0"], "--set 30"],
    [["--set", "3", "--remove"], "one of"],
  ])("refuses %j", async (args, hint) => {
    open();
    const { exit, stderr } = await cli("lifecycle", ...args);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(hint)]);
  });
});

describe.runIf(requirePart("seaweedfs", findWeed() !== undefined))("on S3", () => {
  let seaweed: Seaweed;
  beforeAll(async () => {
    seaweed = await startSeaweed();
  });
  afterAll(() => seaweed.stop());
  const onS3 = (prefix: string, store = {}) =>
    open({
      store: { uri: `s3://${seaweed.bucket}/${prefix}`, endpoint: seaweed.endpoint, ...store },
      export: { uri: `s3://${seaweed.bucket}/${prefix}-exports` },
    });

  it("lifecycle sets one rule, prune --expire tags for it, and nothing looks for those images any more", async () => {
    const made = onS3("expire", { tags: { project: "x" }, metadata: "strip" });
    await succeed("run");
    expect((await succeed("lifecycle")).stdout).toContain("no lifecycle rules");
    expect((await succeed("lifecycle", "--set", "30")).stdout).toContain("Nothing was changed");
    expect((await succeed("lifecycle")).stdout).toContain("no lifecycle rules");
    const { events } = await succeed("lifecycle", "--set", "30", "--yes", "--json");
    expect(events[0]).toMatchObject({ rules: [{ days: 30, prefix: "expire/images/", isOurs: true }] });

    const keys = new Map(made.column("select image_id || ' ' || key from images").map((row) => String(row).split(" ") as [string, string]));
    expect((await succeed("prune", "--expire", "--yes")).stdout).toContain(`${UNUSED} images`);
    const [id = ""] = made.column("select image_id from images where reason = 'pruned'").map(String);
    const client = new S3Client({
      endpoint: seaweed.endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: SEAWEED_CREDENTIALS.AWS_ACCESS_KEY_ID, secretAccessKey: SEAWEED_CREDENTIALS.AWS_SECRET_ACCESS_KEY },
    });
    const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket: seaweed.bucket, Key: `expire/${keys.get(id)}` }));
    client.destroy();
    expect(TagSet).toContainEqual({ Key: "comfy-dpo", Value: "unused" });
    expect((await succeed("verify")).stdout).toContain("All is well");
    expect((await succeed("run")).stderr).toContain("Nothing new since v1");
    expect((await succeed("lifecycle", "--remove", "--yes")).stdout).toContain("no lifecycle rules");
  });

  it("prune deletes there, too", async () => {
    onS3("prune");
    await succeed("run");
    expect((await succeed("prune", "--yes")).stdout).toContain(`Deleted: ${UNUSED} images`);
    expect((await succeed("verify")).stdout).toContain("All is well");
    expect((await succeed("run")).stderr).toContain("Nothing new since v1");
  });
});

describe("servers[].output_dir", () => {
  const withFolder = (generate = {}, harvest = {}): Project => {
    const made = open({ generate, harvest });
    made.configure({ servers: [{ url: emulator.url, output_dir: "mounted" }] });
    return made;
  };

  it("check says the bytes to expect per server and what is free, and whether the folder is the server's", async () => {
    const made = withFolder();
    const missing = await cli("check");
    expect(missing.exit).toBe(1);
    expect(missing.stdout).toMatch(/FAIL .*output_dir \S+mounted is not there. Try: mount it/);
    mkdirSync(join(made.dir, "mounted"));
    // 12 candidates of 64×64, 2.7 bytes a pixel.
    expect((await cli("check")).stdout).toMatch(/output_dir \S+mounted .*GB free, about 132\.7 KB of images expected there/);
    writeFileSync(join(made.dir, "mounted/mine.png"), "not this server's");
    expect((await cli("check")).stdout).toMatch(/FAIL .*"mine\.png", which the server does not have/);
    made.configure({});
    const plain = await succeed("check");
    expect(plain.stdout).toMatch(/about 132\.7 KB of images expected there; output_dir is not set/);
    expect(plain.stdout).toMatch(/ok +disk +.*GB free at \S+images, about 132\.7 KB of images expected/);
  });

  it("generate pauses where the folder's disk has too little room, and says what helps", async () => {
    const made = withFolder({ min_free_disk_mb: 1e12 });
    mkdirSync(join(made.dir, "mounted"));
    const submitted = emulator.stats.submitted;
    const { stderr } = await succeed("generate", "--for", "3s");
    expect(stderr).toMatch(/gets no new jobs for now: \d+ MB free in its output folder.*harvest\.reclaim: true/);
    expect(emulator.stats.submitted).toBe(submitted);
  });

  it("reclaim without any output_dir is refused", async () => {
    open({ harvest: { reclaim: true } });
    const { exit, stderr } = await cli("check");
    expect([exit, stderr]).toEqual([2, expect.stringContaining("set output_dir of a server")]);
  });
});
