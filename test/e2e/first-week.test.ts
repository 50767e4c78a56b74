import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// What somebody runs into who has only read the README.

let emulator: Emulator;
let project: Project;
beforeEach(async () => {
  emulator = await startEmulator({ execMs: 1 });
  project = makeProject({ servers: [emulator.url], prompts: ["a red fox"] });
});
afterEach(async () => {
  await emulator.stop();
  project.remove();
});

const said = async (...args: readonly string[]): Promise<{ readonly exit: number | null; readonly text: string }> => {
  const { exit, stdout, stderr } = await runCli([...args, "-c", project.config]);
  return { exit, text: stdout + stderr };
};

describe("the first week", () => {
  it("an export that comes too early names the next command, stage by stage", async () => {
    await said("generate");
    expect(await said("export")).toMatchObject({ exit: 3, text: expect.stringMatching(/^Next: .* run\b/m) });
    await said("harvest");
    expect(await said("export")).toMatchObject({ exit: 3, text: expect.stringMatching(/^Next: .* annotate( -c .*)?$/m) });
    const annotated = await said("annotate");
    expect(annotated.text).toMatch(/Before training, take votes: .* annotate serve/);
    expect((await said("export")).exit).toBe(0);
  });

  it.each(["check", "generate"])("%s says of prompts that are not there what to do, and no ENOENT", async (command) => {
    for (const [file, hint] of [
      ["none", /bind\.prompt: none/] as const,
      ["lost.txt", /relative paths start at the config file/] as const,
    ]) {
      project.configure({ prompts: { file } });
      const { exit, text } = await said(command);
      expect(exit, text).toBe(2);
      expect(text).toContain("there is no such file");
      expect(text).toMatch(hint);
      expect(text).not.toContain("ENOENT");
    }
  });

  it("check refuses a night that cannot give a row, and names what stays the same in every image", async () => {
    project.configure({ candidates: { per_prompt: 1, variants: [{ name: "base", set: { width: 64, height: 64 } }] } });
    const { exit, text } = await said("check");
    expect(exit, text).toBe(1);
    expect(text).toMatch(/^FAIL {2}rows +this configuration can never give a row of main: each prompt has one image/m);

    copyFileSync(join(import.meta.dirname, "../fixtures/graphs/sdxl_refiner.json"), join(project.dir, "workflow.json"));
    project.configure({
      candidates: { per_prompt: 4 },
      workflow: { file: "workflow.json", bind: { prompt: "6.text", seed: "10.noise_seed" }, allow_nodes: "any" },
    });
    const refiner = await said("check");
    expect(refiner.text).toMatch(
      /^warn {2}constant +15\.text of node 15 .* stays .* in every image\. .*bind\.prompt: \[6\.text, 15\.text\]/m,
    );
    expect(refiner.text).not.toContain("11.noise_seed");
  });

  it("init says of a file of another kind what it is not", async () => {
    const file = join(project.dir, "image.avif");
    writeFileSync(file, Buffer.concat([Buffer.from([0, 0, 0, 0x20]), Buffer.from("ftypavif")]));
    const { exit, stderr } = await runCli(["init", file, "--out", join(project.dir, "mine.yaml")]);
    expect(exit).toBe(2);
    expect(stderr).toContain("it is neither JSON in UTF-8 nor a PNG, JPEG or WebP image");
  });
});
