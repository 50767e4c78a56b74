import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { emulatorDisk } from "../../../src/emulator/files/disk.ts";
import { startEmulator, startEmulators, type Emulator } from "../../../src/emulator/emulator.ts";
import { makeImage } from "../../helpers/images.ts";
import { runCli, startCli } from "../../helpers/run-cli.ts";
import type { ProjectOptions } from "../project.ts";
import { expectedReferences, makeReferenceProject, REFERENCE_ROWS, referenceRows, type ReferenceProject } from "../reference-project.ts";

// Prompts that come with an image: LoadImage gets it from us, rows say where it is.

const POLL = { timeout: 20_000, interval: 10 };
const STORED = "select count(*) from images where state = 'stored'";
const CANDIDATES = 4 * 3;

const opened: { projects: ReferenceProject[]; servers: Emulator[] } = { projects: [], servers: [] };
afterEach(async () => {
  for (const project of opened.projects.splice(0)) project.remove();
  await Promise.all(opened.servers.splice(0).map((server) => server.stop()));
});

const emulators = async (count: number, execMs: number): Promise<readonly Emulator[]> => {
  const servers = await startEmulators(count, { execMs });
  opened.servers.push(...servers);
  return servers;
};

const projectAt = async (servers: readonly Emulator[], config: ProjectOptions["config"] = {}): Promise<ReferenceProject> => {
  const made = await makeReferenceProject(
    servers.map(({ url }) => url),
    config,
  );
  opened.projects.push(made);
  return made;
};
const sha256 = ({ files }: ReferenceProject, name: string): string => createHash("sha256").update(files.get(name)!).digest("hex");

describe("reference images", () => {
  it("are sent, stored, named in the rows and verified", async () => {
    const servers = await emulators(2, 0);
    const made = await projectAt(servers);
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: CANDIDATES, stored: CANDIDATES });

    const rows = referenceRows(made);
    expect(Object.fromEntries(rows.map(({ prompt, references }) => [prompt, references]))).toEqual(expectedReferences(made));
    for (const [prompt, name] of REFERENCE_ROWS) {
      const key = expectedReferences(made)[prompt]![0]!.uri.replace("https://data.example/set/", "");
      expect(readFileSync(join(made.runs, "images", key)), name).toEqual(made.files.get(name));
    }
    const listed = readFileSync(join(made.runs, "export/v1/images.csv"), "utf8").split("\n");
    expect(listed.filter((line) => line.includes("/references/")).length).toBe(3);

    expect((await runCli(["verify", "-c", made.config])).stdout).toContain("12 images and 3 reference images");
    const damaged = join(made.runs, "images/references", sha256(made, "a.png").slice(0, 3), `${sha256(made, "a.png")}.png`);
    writeFileSync(damaged, made.files.get("b.jpg")!);
    const verified = await runCli(["verify", "-c", made.config]);
    expect(verified.exit).toBe(3);
    expect(verified.stdout).toContain(sha256(made, "a.png"));

    const again = await runCli(["run", "-c", made.config]);
    expect(again.stderr).toContain("Nothing new since v1");
  });

  it("give the same bytes after kill -9, and after servers that lost their disks", async () => {
    const first = await projectAt(await emulators(2, 0));
    expect((await runCli(["run", "-c", first.config])).exit).toBe(0);

    const slow = await emulators(2, 80);
    const made = await projectAt(slow);
    for (const count of [1, 4]) {
      const cli = startCli(["run", "-c", made.config]);
      await expect.poll(() => made.count(STORED), POLL).toBeGreaterThanOrEqual(count);
      cli.child.kill("SIGKILL");
      await cli.result;
    }
    const cli = startCli(["run", "-c", made.config]);
    await expect.poll(() => made.count(STORED), POLL).toBeGreaterThanOrEqual(6);
    for (const server of slow) {
      const names = ["a.png", "b.jpg", "copy.webp"].map((name) => `${sha256(made, name)}.${name.endsWith("webp") ? "webp" : "png"}`);
      for (const name of names) server.deleteFile(name, "comfy-dpo", "input");
      await server.restart();
    }
    const { exit, stderr } = await cli.result;
    expect(exit, stderr).toBe(0);
    expect(made.exported()).toEqual(first.exported());
  });

  it("are sent again where a server has lost one without a restart", async () => {
    const [server] = await emulators(1, 30);
    const made = await projectAt([server!], { candidates: { per_prompt: 8 } });
    const cli = startCli(["run", "-c", made.config]);
    await expect.poll(() => made.count(STORED), POLL).toBeGreaterThanOrEqual(2);
    expect(server!.deleteFile(`${sha256(made, "a.png")}.png`, "comfy-dpo", "input")).toBe(true);
    const { exit, stderr } = await cli.result;
    expect(exit, stderr).toBe(0);
    expect(made.count("select count(*) from jobs where state = 'done'")).toBe(32);
  });

  it("go to another server where one has other content under the name", async () => {
    const disk = emulatorDisk();
    const hash = createHash("sha256")
      .update(await makeImage({ seed: 1 }))
      .digest("hex");
    disk.saveBytes({ type: "input", subfolder: "comfy-dpo", filename: `${hash}.png` }, Buffer.from("cut short"));
    const servers = [await startEmulator({ disk, execMs: 5 }), await startEmulator({ execMs: 5 })];
    opened.servers.push(...servers);
    const made = await projectAt(servers);
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);

    const alone = await projectAt([servers[0]!], { dataset: "alone" });
    const failed = await runCli(["run", "-c", alone.config]);
    expect(failed.exit).toBe(3);
    expect(alone.count("select count(*) from jobs where reason = 'upload-refused'")).toBe(6);
    expect(alone.column("select distinct detail from jobs where reason is not null")[0]).toMatch(
      /stored it as ".* \(1\)\.png".*Try: delete/,
    );
  });

  it("that changed after planning fail their jobs only, and are planned anew by the next run", async () => {
    const servers = await emulators(1, 60);
    const made = await projectAt(servers, { generate: { window: 1 } });
    const cli = startCli(["generate", "-c", made.config]);
    await expect.poll(() => made.count("select count(*) from jobs where state = 'done'"), POLL).toBeGreaterThanOrEqual(1);
    writeFileSync(join(made.dir, "refs/b.jpg"), await makeImage({ seed: 9 }));
    const { exit, stderr } = await cli.result;
    expect(exit, stderr).toBe(3);
    expect(made.count("select count(*) from jobs where reason = 'reference-changed'")).toBe(3);
    expect(made.count("select count(*) from jobs where state = 'done'")).toBe(CANDIDATES - 3);
    const again = await runCli(["run", "-c", made.config]);
    expect(again.stderr).toContain("Planned: 1 new prompt, 3 new candidates");
    expect(again.exit, again.stderr).toBe(0);
    expect(referenceRows(made).length).toBe(4);
  });

  it("are looked at before any work: counts, and what is wrong with line and nearest name", async () => {
    const servers = await emulators(1, 0);
    const made = await projectAt(servers);
    const checked = await runCli(["check", "-c", made.config]);
    expect(checked.exit, checked.stdout).toBe(0);
    expect(checked.stdout).toMatch(/references +3 images, 0\.0 MB, sent once to each server/);
    const canary = await runCli(["check", "--canary", "-c", made.config]);
    expect(canary.exit, canary.stdout).toBe(0);
    expect(canary.stdout).toMatch(/^ok +canary base +one server made the image/m);
    const dry = await runCli(["generate", "--dry-run", "-c", made.config]);
    expect(dry.stdout).toContain("references: 3 images");
    expect(dry.stdout).toContain(`"reference":"${sha256(made, "a.png")}"`);

    rmSync(join(made.dir, "refs/b.jpg"));
    writeFileSync(join(made.dir, "refs/bb.jpg"), "");
    const refused = await runCli(["run", "-c", made.config]);
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toMatch(/line 3 names "b\.jpg" in column "picture", and .*refs has no such file \(did you mean "bb\.jpg"\?\)/);
    expect(made.started()).toBe(false);
  });
});
