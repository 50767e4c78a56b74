import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { runCli, startCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// An export that ends in the middle, through the real command: nobody sees half a version, and the next export makes the whole one.

/** Four files a pair (winlose): each is written when it is made, and named and flushed when it is published. */
const PROMPTS = Array.from({ length: 30 }, (_, index) => `a red fox, number ${index}`);
const SECTION = { uri_base: "https://data.example/set", card: { license: "apache-2.0" }, formats: ["jsonl", "parquet", "winlose"] };
const POLL = { timeout: 30_000, interval: 1 };

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
  project = makeProject({ servers: [emulator.url], prompts: PROMPTS, config: { export: { ...SECTION, uri: "undisturbed" } } });
  const { exit, stderr } = await runCli(["run", "-c", project.config]);
  if (exit !== 0) throw new Error(stderr);
});
afterAll(async () => {
  project.remove();
  await emulator.stop();
});

const spool = (): string => join(project.runs, ".export-spool");

/** Moments, recognised by what is on the disk. */
const MOMENTS = {
  "making rows": () => existsSync(join(spool(), "data")) || existsSync(join(spool(), ".scratch")),
  "making images": () => existsSync(join(spool(), "winlose/train/win")),
  publishing: (place: string) => existsSync(join(place, "v1/winlose/train/win")),
} as const;

describe.each(["SIGKILL", "SIGINT"] as const)("%s of an export", (signal) => {
  it.each(Object.entries(MOMENTS))(
    "in the middle of %s shows nobody half a version; the next export makes the same bytes",
    async (moment, isNow) => {
      const uri = `${signal}-${moment.replace(" ", "-")}`;
      const place = join(project.runs, uri);
      project.configure({ export: { ...SECTION, uri } });
      const cli = startCli(["export", "-c", project.config]);
      await expect.poll(() => isNow(place), POLL).toBe(true);
      cli.child.kill(signal);
      const { exit, stderr } = await cli.result;
      expect(exit, stderr).toBe(signal === "SIGKILL" ? null : 130);
      expect(stderr).toMatch(signal === "SIGINT" ? /no version was completed|again to continue/ : /^/);

      expect(existsSync(join(place, "v1/manifest.json")), "a manifest").toBe(false);
      expect(existsSync(join(place, "LATEST")), "LATEST").toBe(false);
      expect(existsSync(join(place, "v1")), "files of a version").toBe(moment === "publishing");
      expect(existsSync(spool()), "what was made").toBe(signal === "SIGKILL");
      expect((await runCli(["verify", "v1", "-c", project.config])).exit, "verify").not.toBe(0);

      const next = await runCli(["export", "-c", project.config]);
      expect(next.exit, next.stderr).toBe(0);
      expect(project.exported(`../${uri}/v1`)).toEqual(project.exported("../undisturbed/v1"));
      expect(readdirSync(place).toSorted()).toEqual([".partial", "LATEST", "v1"]);
      expect(readdirSync(join(place, ".partial"))).toEqual([]);
      expect(existsSync(spool()), "the spool").toBe(false);
      const again = await runCli(["export", "-c", project.config]);
      expect(again.stderr).toContain("Nothing new since v1");
    },
  );
});
