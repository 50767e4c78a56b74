import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, startEmulators, type Emulator } from "../../../src/emulator/emulator.ts";
import { startFaultyStore } from "../../helpers/stand-ins/faulty-store.ts";
import { requirePart } from "../../helpers/parts.ts";
import { runCli, startCli } from "../../helpers/run-cli.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// The whole program with a real S3 server as store and as place of exports.

const CANDIDATES = PROMPTS.length * 3;
const env = SEAWEED_CREDENTIALS;
const POLL = { timeout: 20_000, interval: 10 };

async function objectsUnder({ endpoint, bucket }: Seaweed, prefix: string): Promise<number> {
  const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY };
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  const { Contents: objects = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  client.destroy();
  return objects.length;
}

describe.runIf(requirePart("seaweedfs", findWeed() !== undefined))("run with S3", () => {
  let seaweed: Seaweed;
  let servers: readonly Emulator[] = [];
  let project: Project;
  beforeAll(async () => {
    [seaweed, servers] = await Promise.all([startSeaweed(), startEmulators(2, { execMs: 30 })]);
  });
  afterAll(() => Promise.all([seaweed.stop(), ...servers.map((server) => server.stop())]));
  afterEach(() => project.remove());

  const open = (prefix: string, bucket = seaweed.bucket): Project =>
    (project = makeProject({
      servers: servers.map(({ url }) => url),
      config: {
        store: { uri: `s3://${bucket}/${prefix}`, endpoint: seaweed.endpoint },
        export: { uri: `s3://${bucket}/${prefix}-exports` },
      },
    }));

  it("stores, exports and verifies, also after kill -9", async () => {
    const made = open("whole");
    for (const stored of [2, 6]) {
      const cli = startCli(["run", "-c", made.config], { env });
      await expect.poll(() => made.count("select count(*) from images where state = 'stored'"), POLL).toBeGreaterThanOrEqual(stored);
      cli.child.kill("SIGKILL");
      await cli.result;
    }
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"], { env });
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: CANDIDATES, stored: CANDIDATES, images: CANDIDATES });
    expect(made.count(`select count(*) from image_index where uri like 's3://${seaweed.bucket}/whole/images/%'`)).toBe(CANDIDATES);

    const verified = await runCli(["verify", "-c", made.config], { env });
    expect(verified.exit, verified.stderr).toBe(0);
    expect(verified.stdout).toContain(`${CANDIDATES} images in s3://${seaweed.bucket}/whole read`);

    const again = await runCli(["run", "-c", made.config], { env });
    expect(again.stderr).toContain("Nothing new since v1");
  });

  it("generates images of a faulty server again beside the old objects, killed in the middle or not; prune takes these", async () => {
    const faulty = await startEmulator({ faults: "paint-off:1" }); // Every candidate comes out wrong the first time.
    try {
      const made = makeProject({
        servers: [faulty.url],
        config: { store: { uri: `s3://${seaweed.bucket}/redo`, endpoint: seaweed.endpoint } },
      });
      project = made;
      const succeed = async (...args: readonly string[]): Promise<string> => {
        const { exit, stdout, stderr } = await runCli([...args, "-c", made.config], { env });
        expect(exit, stderr).toBe(0);
        return stdout;
      };
      for (const stage of ["generate", "harvest", "judge"]) await succeed(stage);
      const bad = made.column("select sha256 from images order by image_id");
      const redo = ["exclude", "--variant", "base", "--redo", "--reason", "faulty", "--yes"];
      const running = startCli([...redo, "-c", made.config], { env });
      await expect.poll(() => made.count("select count(*) from images where state = 'excluded'"), POLL).toBeGreaterThan(0);
      running.child.kill("SIGKILL");
      await running.result;
      expect(await succeed("verify")).toContain("All is well");
      await succeed(...redo);
      expect(made.count("select count(*) from jobs where state = 'planned'")).toBe(CANDIDATES);

      await succeed("run");
      const good = made.column("select sha256 from images where state = 'stored' order by image_id");
      expect(good).toHaveLength(CANDIDATES);
      expect(good.filter((sha256) => bad.includes(sha256))).toEqual([]);
      expect(await objectsUnder(seaweed, "redo/images/")).toBe(2 * CANDIDATES);
      expect(await succeed("prune", "--yes")).toContain(`Deleted: ${CANDIDATES} images`);
      expect(await objectsUnder(seaweed, "redo/images/")).toBe(CANDIDATES);
      expect(await succeed("verify")).toContain("All is well");
    } finally {
      await faulty.stop();
    }
  });

  const through = (prefix: string, { endpoint }: { readonly endpoint: string }): Project =>
    (project = makeProject({
      servers: servers.map(({ url }) => url),
      config: { store: { uri: `s3://${seaweed.bucket}/${prefix}`, endpoint } },
    }));

  it("goes on through a store that slows down and cuts connections", async () => {
    await using store = await startFaultyStore({ endpoint: seaweed.endpoint, slowDown: 0.3, reset: 0.2, stall: 0 });
    const made = through("faulty", store);
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"], { env });
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: CANDIDATES, rejected: 0, failed: 0 });
    expect(store.faults()).toMatchObject({ slowDown: expect.any(Number), reset: expect.any(Number) });
    expect((await runCli(["verify", "-c", made.config], { env })).exit).toBe(0);
  });

  it("stops where the store refuses in the middle, says what to do, and goes on when it is allowed again", async () => {
    const made = await (async () => {
      await using store = await startFaultyStore({ endpoint: seaweed.endpoint, slowDown: 0, reset: 0, stall: 0, forbidAfter: 5 });
      const refused = through("forbidden", store);
      const { exit, stderr } = await runCli(["run", "-c", refused.config], { env });
      expect(exit, stderr).toBe(1);
      expect(stderr).toMatch(/403 AccessDenied.*\nTry: allow these credentials/);
      expect(stderr).not.toContain(env.AWS_SECRET_ACCESS_KEY);
      expect(refused.count("select count(*) from images where state = 'stored'")).toBe(5);
      return refused;
    })();
    made.configure({ store: { uri: `s3://${seaweed.bucket}/forbidden`, endpoint: seaweed.endpoint } });
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"], { env });
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: CANDIDATES, rejected: 0, failed: 0 });
  });

  it("ends with exit 1 where the bucket is missing, and leaves nothing behind", async () => {
    const made = open("prefix", "no-such-bucket");
    const { exit, stderr } = await runCli(["run", "-c", made.config], { env });
    expect(exit, stderr).toBe(1);
    expect(stderr).toContain("no-such-bucket");
    expect(stderr).toContain("Try:");
    expect(made.started()).toBe(false);
  });

  it("refuses a prefix that is another dataset's", async () => {
    const first = open("shared");
    expect((await runCli(["run", "-c", first.config, "--prompts", "1"], { env })).exit).toBe(0);
    first.remove();
    const second = open("shared");
    const { exit, stderr } = await runCli(["run", "-c", second.config], { env });
    expect(exit, stderr).toBe(2);
    expect(stderr).toContain("belongs to");
    expect(second.started()).toBe(false);
  });
});
