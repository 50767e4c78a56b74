import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { runCli, startCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

let emulator: Emulator | undefined;
let project: Project | undefined;
afterEach(async () => {
  await emulator?.stop();
  project?.remove();
});

describe("a server that is upgraded between two nights", () => {
  it("is told, kept for each image, shown in status, counted in the manifest, and in no row", async () => {
    const first = await startEmulator({ comfy: "0.3.64" });
    emulator = first;
    const made = makeProject({ servers: [first.url], config: { candidates: { per_prompt: 2 } } });
    project = made;
    expect((await runCli(["run", "-c", made.config])).exit).toBe(0);
    await first.stop();
    emulator = await startEmulator({ comfy: "0.33.0", port: first.port });

    const check = await runCli(["check", "-c", made.config]);
    expect(check.stdout).toMatch(/warn +http\S+ +it is ComfyUI 0\.33\.0, .* now, and was ComfyUI 0\.3\.64, .* when it last made images/);
    made.configure({ candidates: { per_prompt: 3 } });
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(stderr).toMatch(/is another server now: ComfyUI 0\.33\.0, .*; it was ComfyUI 0\.3\.64, .* before/);

    expect(made.column("select distinct comfyui from image_index order by 1")).toEqual(["0.3.64", "0.33.0"]);
    const status = await runCli(["status", "-c", made.config]);
    expect(status.stdout).toMatch(/made by +ComfyUI 0\.3\.64, PyTorch \S+, Python \S+ on cpu: 8 images/);
    expect(status.stdout).toMatch(/made by +ComfyUI 0\.33\.0, .*: 4 images/);
    expect(status.stdout).toMatch(/made by +several of these, within one prompt: 4 prompts/);

    const version = join(made.runs, "export/v2");
    expect(JSON.parse(readFileSync(join(version, "manifest.json"), "utf8"))).toMatchObject({
      made_by: [
        { comfyui: "0.3.64", device: "cpu", images: 8 },
        { comfyui: "0.33.0", device: "cpu", images: 4 },
      ],
      prompts_made_by_several: 4,
    });
    for (const file of ["README.md", "stats.json", "data/train-00000-of-00001.jsonl"])
      expect(readFileSync(join(version, file), "utf8"), file).not.toContain("0.33.0");
  });

  it("is told within one run, too, and the images before and after are told apart", async () => {
    const first = await startEmulator({ comfy: "0.3.64", execMs: 40 });
    emulator = first;
    const made = makeProject({ servers: [first.url], config: { candidates: { per_prompt: 8 } } });
    project = made;
    const cli = startCli(["run", "-c", made.config]);
    await expect
      .poll(() => made.count("select count(*) from images where state = 'stored'"), { timeout: 30_000 })
      .toBeGreaterThanOrEqual(6);
    await first.stop();
    emulator = await startEmulator({ comfy: "0.33.0", port: first.port });
    const { exit, stderr } = await cli.result;
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain("is another server now: ComfyUI 0.33.0");
    expect(made.column("select distinct comfyui from image_index where state = 'stored' order by 1")).toEqual(["0.3.64", "0.33.0"]);
  });
});
