import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { S3Client, CopyObjectCommand, CreateBucketCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { requirePart } from "../helpers/parts.ts";
import { runCli, type CliResult } from "../helpers/run-cli.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../helpers/seaweed.ts";
import { makeProject, type Project } from "./project.ts";

// A dataset in another place than it was made in: the id at the store's prefix says whose it is, not its path.

let emulator: Emulator;
let project: Project;
const made: string[] = [];
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => {
  project.remove();
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** URIs as the store gives them: a base of their own would hide where they point. */
const EXPORT = { card: { license: "apache-2.0" } };

const cliAt = (config: string, ...args: readonly string[]): Promise<CliResult> =>
  runCli([...args, "-c", config], { env: SEAWEED_CREDENTIALS });

async function succeed(config: string, ...args: readonly string[]): Promise<CliResult> {
  const result = await cliAt(config, ...args);
  expect(result.exit, `${args.join(" ")}: ${result.stderr}${result.stdout}`).toBe(0);
  return result;
}

const urisIn = (runs: string, version: string): readonly string[] =>
  readFileSync(join(runs, "export", version, "images.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",")[0] ?? "");

/** Everything that reads images or versions does so at the new place. */
async function expectUsable(config: string, runs: string): Promise<void> {
  expect((await succeed(config, "verify", "v1")).stdout).toContain("All is well");
  expect((await succeed(config, "export")).stderr).toContain("Nothing new since v1");
  expect((await succeed(config, "prune")).stdout).toContain("0 stored images");
  expect((await succeed(config, "status")).stdout).toContain("v1 whole, written");
  expect((await succeed(config, "run")).stderr).toContain("Nothing new since v1");
  expect((await succeed(config, "check")).stdout).toContain("store");
  expect(urisIn(runs, "v1")).not.toEqual([]);
}

describe("a dataset in folders", () => {
  it("goes on where it was moved to, and writes URIs of the new place", async () => {
    project = makeProject({ servers: [emulator.url], config: { export: EXPORT } });
    await succeed(project.config, "run");
    const moved = `${project.dir}-moved`;
    made.push(moved);
    renameSync(project.dir, moved);
    const [config, runs] = [join(moved, "pipeline.yaml"), join(moved, "runs")];

    expect((await succeed(config, "verify")).stdout).toContain("All is well");
    const told = await succeed(config, "export");
    expect(told.stderr).toContain(`The store has moved from ${pathToFileURL(join(project.runs, "images")).href}`);
    await expectUsable(config, runs);
    await succeed(config, "export", "--as", "here");
    const base = `${pathToFileURL(join(runs, "images")).href}/`;
    expect(urisIn(runs, "here").every((uri) => uri.startsWith(base))).toBe(true);
    expect(urisIn(runs, "v1").some((uri) => uri.startsWith(base))).toBe(false);
    for (const version of ["v1", "here"]) expect((await succeed(config, "verify", version)).stdout).toContain("All is well");
    expect((await cliAt(config, "export", "--since", "v1")).stderr).toMatch(/No row that v1 does not have(?!.*otherwise)/);
  });

  it("is two datasets once it was copied, each with its own images", async () => {
    project = makeProject({ servers: [emulator.url], config: { export: EXPORT } });
    await succeed(project.config, "run");
    const copy = `${project.dir}-copy`;
    made.push(copy);
    cpSync(project.dir, copy, { recursive: true });
    await succeed(join(copy, "pipeline.yaml"), "export", "--as", "copy");
    expect((await succeed(project.config, "export")).stderr).not.toContain("has moved");
    expect((await succeed(project.config, "verify")).stdout).toContain("All is well");
    expect(readdirSync(join(project.runs, "export"))).not.toContain("copy");
  });

  it("is refused where another dataset lies, where nothing does, and where the file that says whose it is was left behind", async () => {
    project = makeProject({ servers: [emulator.url], config: { export: EXPORT } });
    await succeed(project.config, "run");
    const place = join(project.dir, "mount");
    const at = (): void => project.configure({ store: { uri: `file://${place}` } });
    const everywhere = [["run"], ["export"], ["verify"], ["prune"], ["prune", "--yes"], ["generate", "--dry-run"], ["check"]];
    const refused = async (words: RegExp): Promise<void> => {
      for (const args of everywhere) {
        const { exit, stderr, stdout } = await cliAt(project.config, ...args);
        expect([args, exit, stderr + stdout]).toEqual([args, args[0] === "check" ? 1 : 2, expect.stringMatching(words)]);
      }
    };
    at();
    await refused(/its 12 images are missing there/);
    cpSync(join(project.runs, "images/images"), join(place, "images"), { recursive: true });
    await refused(/images of it are there, but not the file \.comfy-dpo\.json/);
    writeFileSync(join(place, ".comfy-dpo.json"), '{"dataset":"e2e","dataset_id":"another"}\n');
    await refused(/it belongs to an earlier database of e2e/);
    cpSync(join(project.runs, "images/.comfy-dpo.json"), join(place, ".comfy-dpo.json"));
    expect((await succeed(project.config, "export")).stderr).toContain("The store has moved");
    expect((await succeed(project.config, "verify")).stdout).toContain("All is well");
  });

  it("is not begun anew in the empty folder of a disk that is not mounted", async () => {
    project = makeProject({ servers: [emulator.url], config: { export: EXPORT } });
    await succeed(project.config, "run");
    const images = join(project.runs, "images");
    renameSync(images, `${images}-unmounted`);
    mkdirSync(images);
    const { exit, stderr } = await cliAt(project.config, "run");
    expect([exit, stderr]).toEqual([1, expect.stringContaining("12 images that it stored there are missing, and so is .comfy-dpo.json")]);
    expect(readdirSync(images)).toEqual([]);
  });
});

describe.runIf(requirePart("seaweedfs", findWeed() !== undefined))("a dataset in a bucket", () => {
  let seaweed: Seaweed;
  beforeAll(async () => {
    seaweed = await startSeaweed();
  });
  afterAll(() => seaweed.stop());

  it("comes from a folder, and goes on in another bucket", async () => {
    project = makeProject({ servers: [emulator.url], config: { export: EXPORT } });
    await succeed(project.config, "run");
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = SEAWEED_CREDENTIALS;
    const client = new S3Client({
      endpoint: seaweed.endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
    await client.send(new CreateBucketCommand({ Bucket: "other" }));
    await uploadFolder(client, seaweed.bucket, join(project.runs, "images"));
    const store = (uri: string) => ({ uri, endpoint: seaweed.endpoint, region: "us-east-1" });

    project.configure({ store: store("s3://other/set") });
    expect((await cliAt(project.config, "run")).stderr).toContain("its 12 images are missing there");
    project.configure({ store: store(`s3://${seaweed.bucket}/set`) });
    expect((await succeed(project.config, "export")).stderr).toContain(`to s3://${seaweed.bucket}/set`);
    await expectUsable(project.config, project.runs);

    await copyBucket(client, seaweed.bucket, "other");
    client.destroy();
    project.configure({ store: store("s3://other/set") });
    await expectUsable(project.config, project.runs);
    await succeed(project.config, "export", "--as", "other");
    expect(urisIn(project.runs, "other").every((uri) => uri.startsWith("s3://other/set/images/"))).toBe(true);
    expect(project.column("select distinct substr(uri, 1, 21) from image_index")).toEqual(["s3://other/set/images"]);
  });
});

async function uploadFolder(client: S3Client, bucket: string, folder: string): Promise<void> {
  const { PutObjectCommand } = await import("@aws-sdk/client-s3");
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `set/${path.slice(folder.length + 1)}`, Body: readFileSync(path) }));
  }
}

async function copyBucket(client: S3Client, from: string, to: string): Promise<void> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: from, Prefix: "set/" }));
  for (const { Key = "" } of Contents) {
    await client.send(new CopyObjectCommand({ Bucket: to, Key, CopySource: `${from}/${Key}` }));
  }
}
