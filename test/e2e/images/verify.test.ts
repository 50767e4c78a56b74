import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { runCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// verify finds what was lost or damaged behind the program's back, all of it, in one go.

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
beforeEach(async () => {
  project = makeProject({ servers: [emulator.url] });
  await runCli(["run", "-c", project.config]);
  return () => project.remove();
});

const verify = () => runCli(["verify", "-c", project.config]);

it("finds the export without LATEST, and says that it is missing", async () => {
  rmSync(join(project.runs, "export/LATEST"));
  const { exit, stdout } = await verify();
  expect(stdout).toContain("LATEST: is missing");
  expect(stdout).toContain("the newest complete version is v1");
  expect(stdout).toMatch(/export\/v1: \d+ files/);
  expect(stdout).not.toContain("All is well");
  expect(exit).toBe(3);
  expect((await runCli(["export", "-c", project.config])).exit).toBe(0);
  expect((await verify()).exit).toBe(0);
});

it("says that LATEST names nothing, and that an export is gone", async () => {
  writeFileSync(join(project.runs, "export/LATEST"), "../x");
  expect((await verify()).stdout).toContain("LATEST: names no version");
  rmSync(join(project.runs, "export"), { recursive: true });
  const { exit, stdout, stderr } = await verify();
  expect(stdout).toContain("v1/manifest.json: is missing, though the database has this version as complete");
  expect(stderr).not.toContain("yet");
  expect(exit).toBe(3);
});

it("says that LATEST names a version which is not there, and reads the newest that is", async () => {
  const latest = join(project.runs, "export/LATEST");
  writeFileSync(latest, "v0\n");
  const flipped = await verify();
  expect(flipped.stdout).toContain(
    "LATEST: names v0, which is not there; the newest complete version is v1, and export writes LATEST again",
  );
  expect(flipped.stdout).not.toContain("never completed");
  expect(flipped.stdout).toMatch(/export\/v1: \d+ files/);
  expect(flipped.exit).toBe(3);
  // One that has files and no manifest is damaged, and so is one that the database completed and that has gone.
  writeFileSync(latest, "v1\n");
  rmSync(join(project.runs, "export/v1/manifest.json"));
  expect((await verify()).stdout).toContain("v1/manifest.json: is missing");
  rmSync(join(project.runs, "export/v1"), { recursive: true });
  const gone = await verify();
  expect(gone.stdout).toContain("LATEST: names v1, which is not there\n");
  expect(gone.stdout).toContain("v1/manifest.json: is missing, though the database has this version as complete");
  expect(gone.exit).toBe(3);
});

it("does not take a whole version for another one", async () => {
  expect((await runCli(["export", "-c", project.config, "--croissant", "--as", "ac"])).exit).toBe(0);
  const folder = (version: string): string => join(project.runs, "export", version);
  rmSync(folder("v1"), { recursive: true });
  cpSync(folder("ac"), folder("v1"), { recursive: true });
  const { exit, stdout } = await runCli(["verify", "v1", "-c", project.config]);
  expect(stdout).toContain("v1/manifest.json: is of the version ac");
  expect(stdout).toContain("v1/manifest.json: has other content than the database completed as v1");
  expect(exit).toBe(3);
  expect((await runCli(["verify", "ac", "-c", project.config])).exit).toBe(0);
});

it("goes on after what cannot be read: folders where an image and a shard should be", async () => {
  const [folder = "", missing = ""] = project
    .column("select uri from image_index where state = 'stored'")
    .map((uri) => fileURLToPath(String(uri)));
  rmSync(folder);
  mkdirSync(folder);
  rmSync(missing);
  const shard = join(project.runs, "export/v1/data/train-00000-of-00001.jsonl");
  rmSync(shard);
  mkdirSync(shard);
  const { exit, stdout, stderr } = await verify();
  expect(stdout, stderr).toContain("it is a folder");
  expect(stdout).toContain(`${missing} is missing`);
  expect(stdout).toContain("v1/data/train-00000-of-00001.jsonl");
  expect(exit, stderr).toBe(3);
});
