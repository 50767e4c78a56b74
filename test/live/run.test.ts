import { execSync } from "node:child_process";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { comfyClient } from "../../src/comfy/client/client.ts";
import { makeProject, type Project } from "../e2e/project.ts";
import { expectedReferences, makeReferenceProject, referenceRows } from "../e2e/reference-project.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";

// Against real ComfyUI servers, named in COMFY_URLS (a,b). The workflow needs no model. With COMFY_KILL and COMFY_START, commands that get
// a URL as their last argument, a server is killed in the middle, too.

const urls = (process.env["COMFY_URLS"] ?? "").split(",").filter((url) => url !== "");
const { COMFY_KILL, COMFY_START } = process.env;
const PROMPTS = Array.from({ length: 40 }, (_, index) => `live prompt ${index}`);
const POLL = { timeout: 60_000, interval: 20 };
const signal = new AbortController().signal;

beforeAll(() => {
  if (urls.length === 0) throw new Error("COMFY_URLS is not set: name one or more real ComfyUI servers, separated by commas");
});

let project: Project;
afterEach(() => project.remove());

/** A dataset name of its own for each run: a server's disk and cache remember. */
const open = (name: string): Project => {
  project = makeProject({
    servers: urls,
    prompts: PROMPTS,
    workflow: "tiny.json",
    config: {
      dataset: `live-${name}-${Date.now()}`,
      workflow: { file: "workflow.json", bind: { prompt: "none", seed: "class:ImageAddNoise#seed" } },
      candidates: { per_prompt: 4 },
    },
  });
  return project;
};

const hasFile = async (url: string): Promise<boolean> => (await fetch(url, { method: "HEAD" })).ok;

describe("a real ComfyUI", () => {
  it("runs a whole dataset, and history is clean after harvest", async () => {
    const made = open("whole");
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: 160, stored: 160, failed: 0, rejected: 0, images: 160 });
    expect((await runCli(["verify", "-c", made.config])).exit).toBe(0);
  });

  it("finishes after kill -9 of the program, and makes nothing twice that a server had finished", async () => {
    const made = open("kill");
    for (const stored of [20, 70]) {
      const cli = startCli(["run", "-c", made.config]);
      await expect.poll(() => made.count("select count(*) from images where state = 'stored'"), POLL).toBeGreaterThanOrEqual(stored);
      cli.child.kill("SIGKILL");
      await cli.result;
    }
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: 160, failed: 0 });
    // An intent that was committed and never sent is sent under a new attempt; what counts is how often a job ran. SaveImage counts on
    // where a file of the name is there, so a second run of a job is a second name there, or the same name on another server.
    expect(made.column("select filename from images where filename not like '%_00001_.png'"), "jobs run twice on a server").toEqual([]);
    const views = made.column("select '/view?type=output&subfolder=' || subfolder || '&filename=' || filename from images");
    const copies = await Promise.all(
      views.map(async (view) => (await Promise.all(urls.map((url) => hasFile(`${url}${String(view)}`)))).filter(Boolean)),
    );
    expect(
      copies.filter((found) => found.length !== 1),
      "jobs run on two servers",
    ).toEqual([]);
    for (const url of urls) {
      const client = comfyClient({ url, headers: {} });
      expect(await client.queueRemaining(signal)).toBe(0);
      await client.close();
    }
  });

  it("loads the images that prompts come with", async () => {
    const made = await makeReferenceProject(urls, { dataset: `live-references-${Date.now()}` });
    project = made;
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    const rows = referenceRows(made).map(({ prompt, references }) => [prompt, references]);
    expect(Object.fromEntries(rows)).toEqual(expectedReferences(made));
    expect((await runCli(["verify", "-c", made.config])).stdout).toContain("12 images and 3 reference images");
  });

  it.skipIf(COMFY_KILL === undefined || COMFY_START === undefined)("finishes when a server is killed and started again", async () => {
    const made = open("restart");
    const [victim = ""] = urls;
    const cli = startCli(["run", "-c", made.config, "--json"]);
    await expect.poll(() => made.count("select count(*) from jobs where attempt > 0"), POLL).toBeGreaterThanOrEqual(10);
    execSync(`${COMFY_KILL} ${victim}`);
    execSync(`${COMFY_START} ${victim}`);
    const { exit, stderr, events } = await cli.result;
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: 160, failed: 0 });
  });
});
