import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { startHubStandIn } from "../../helpers/stand-ins/hub-stand-in.ts";
import { runCli } from "../../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// A dataset that grows: parts, comparisons, pushing, and what verify finds afterwards. The Hub is a stand-in.

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const cli = (...args: readonly string[]) => runCli([...args, "-c", project.config]);

/** v1 of the first prompts, v2 a part with the rest. */
async function openGrown(): Promise<void> {
  project = makeProject({ servers: [emulator.url] });
  expect((await cli("run", "--prompts", "2")).exit).toBe(0);
  for (const stage of ["generate", "harvest", "judge"]) expect((await cli(stage)).exit).toBe(0);
  const { exit, stderr } = await cli("export", "--since", "v1");
  expect(exit, stderr).toBe(0);
  expect(stderr).toContain("Exported 2 new rows since v1 as the part v2");
}

it("grows by parts, compares them, and refuses what cannot be", async () => {
  await openGrown();
  expect(project.rows("v1")).toHaveLength(2);
  expect(project.rows("v2")).toHaveLength(PROMPTS.length - 2);
  const nothing = await cli("export", "--since", "v2");
  expect([nothing.exit, nothing.stderr]).toEqual([0, expect.stringContaining("No row that v2 does not have")]);
  expect((await cli("verify")).exit).toBe(0);

  const diff = await cli("export", "diff", "v1", "v2", "--rows");
  expect(diff.exit).toBe(0);
  expect(diff.stdout).toContain("default/train: 2 came\n2 rows the same");
  expect(diff.stdout.split("\n").filter((line) => line.startsWith("+ default/train d_"))).toHaveLength(2);
  const json = await cli("export", "diff", "v2", "v1", "--json");
  expect(json.events.map(({ event }) => event)).toEqual(["diff_split", "diff", "done"]);
  expect(json.events).toMatchObject([{ split: "train", went: 2, same: 2 }, { before: "v2", after: "v1", went: 2 }, { exit: 0 }]);

  for (const [args, problem] of [
    [["export", "diff", "v1"], "takes two versions"],
    [["export", "diff", "v1", "v7"], "there is no such complete version"],
    [["export", "diff", "v1", "v2", "--as", "x"], "Cannot use --as with export diff"],
    [["export", "--since", "v7"], "there is no such complete version"],
    [["export", "--rows"], "Cannot use --rows without diff"],
  ] as const) {
    const { exit, stderr } = await cli(...args);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(problem)]);
  }
  expect(readdirSync(join(project.runs, "export")).toSorted()).toEqual([".partial", "v1", "v2"]);

  project.configure({ export: { fields: "minimal", card: { license: "apache-2.0", samples: 0 } } });
  expect((await cli("export", "--as", "small")).exit).toBe(0);
  const { stdout } = await cli("export", "diff", "v1", "small");
  expect(stdout).toBe("v1 → small\ndefault: not compared row by row; its files differ\n");
});

it("pushes a whole version to the stand-in of the Hub, with the token from the environment only", async () => {
  await using hub = await startHubStandIn();
  await openGrown();
  expect((await cli("export")).exit).toBe(0);
  const env = { HF_ENDPOINT: `${hub.endpoint}/`, HF_TOKEN: hub.token };
  const push = (...args: readonly string[]) => runCli(["push", "-c", project.config, "--json", ...args], { env });
  const first = await push("--repo", "me/e2e", "--private");
  expect(first.exit, first.stderr).toBe(0);
  expect(first.events).toMatchObject([
    { event: "pushed", version: "v3", repo: "me/e2e", same: 0 },
    { event: "done", exit: 0 },
  ]);
  expect(hub.repos.get("me/e2e")).toMatchObject({ private: true, commits: ["e2e v3"] });
  expect(
    hub
      .files("me/e2e")
      .get("README.md")
      ?.equals(readFileSync(join(project.runs, "export/v3/README.md"))),
  ).toBe(true);
  expect((await push("--repo", "me/e2e")).events[0]).toMatchObject({ event: "pushed", added: 0, commit: null });

  const without = await runCli(["push", "-c", project.config, "--repo", "me/e2e"], { env: { ...env, HF_TOKEN: "" } });
  expect([without.exit, without.stderr]).toEqual([1, expect.stringContaining("HF_TOKEN is not set")]);
  const wrong = await runCli(["push", "-c", project.config, "--repo", "me/e2e"], { env: { ...env, HF_TOKEN: "hf_wrong_secret" } });
  expect(wrong.exit).toBe(1);
  expect(wrong.stderr + wrong.stdout).not.toContain("wrong_secret");

  // A trial is exported last, and is not what anybody means by the newest version.
  expect((await cli("export", "--prompts", "1", "--as", "one")).exit).toBe(0);
  expect((await push("--repo", "me/e2e")).events).toMatchObject([{ event: "pushed", version: "v3" }, { exit: 0 }]);
  expect((await push("one", "--repo", "me/trial")).exit).toBe(0);
  for (const args of [[], ["--repo", "no-owner"], ["v2", "--repo", "me/e2e"], ["v9", "--repo", "me/e2e"]])
    expect((await push(...args)).exit).toBe(2);
});

it("verify finds one flipped bit of an image in the store", async () => {
  project = makeProject({ servers: [emulator.url], prompts: PROMPTS.slice(0, 1) });
  expect((await cli("run")).exit).toBe(0);
  const uris = project.column("select uri from image_index where state = 'stored'").map((uri) => fileURLToPath(String(uri)));
  for (const [index, file] of uris.entries()) {
    const bytes = readFileSync(file);
    const changed = Buffer.from(bytes);
    changed[Math.floor((index * bytes.length) / uris.length)]! ^= 1 << (index % 8);
    writeFileSync(file, changed);
    const { exit, stdout } = await cli("verify");
    expect([exit, stdout], file).toEqual([3, expect.stringContaining(file.slice(file.lastIndexOf("/") + 1, -4))]);
    writeFileSync(file, bytes);
  }
});

it("says of which kind versions are, lets LATEST name whole ones only, and finds equal content again whatever was exported between", async () => {
  await openGrown();
  const latest = (): string | null => {
    const file = join(project.runs, "export/LATEST");
    return existsSync(file) ? readFileSync(file, "utf8").trim() : null;
  };
  expect(latest()).toBeNull();
  expect((await cli("verify")).stdout).toContain("All is well");
  expect((await cli("export")).stderr).toContain("Exported 4 rows as v3");
  const trial = await cli("run", "--prompts", "2");
  expect([trial.exit, trial.stderr]).toEqual([0, expect.stringContaining("Nothing new since v1")]);
  expect((await cli("generate")).exit).toBe(0);
  expect((await cli("export")).stderr).toContain("Nothing new since v3");
  expect((await cli("export", "--since", "v1")).stderr).toContain("Nothing new since v2");
  expect(latest()).toBe("v3");
  const { stdout } = await cli("status");
  expect(stdout.split("\n").filter((line) => line.startsWith("export"))).toEqual([
    expect.stringContaining("v1 trial, written, 2 rows"),
    expect.stringContaining("v2 part, written, 2 rows"),
    expect.stringContaining("v3 whole, written, 4 rows"),
  ]);
});
