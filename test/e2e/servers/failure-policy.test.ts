import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, startEmulators, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.ts";
import { runCli, startCli, type CliResult } from "../../helpers/run-cli.ts";
import { forward, startHttpServer } from "../../helpers/stand-ins/http-server.ts";
import { makeProject, PROMPTS, type Project, type ProjectOptions } from "../project.ts";

// Each row of the failure policy, as a person meets it: the real program against servers that misbehave on purpose.
// A prompt that holds "FAIL kind" meets that fault at every attempt, "FAIL kind 1" at the first.

const SEEDS = 3;
const CANDIDATES = PROMPTS.length * SEEDS;
const POLL = { timeout: 30_000, interval: 20 };
const FAST = { stall_timeout_s: 2, probe_after_s: 1, give_up_s: 6 };

const emulators: Emulator[] = [];
let project: Project;
afterEach(async () => {
  project.remove();
  await Promise.all(emulators.splice(0).map((emulator) => emulator.stop()));
});

/** One server for each of `options`, and a project that uses them. */
async function open(options: readonly EmulatorOptions[], changes: Partial<ProjectOptions> = {}): Promise<Project> {
  emulators.push(...(await Promise.all(options.map((each) => startEmulator({ execMs: 5, ...each })))));
  project = makeProject({
    servers: emulators.map(({ url }) => url),
    ...changes,
    config: { generate: FAST, ...changes.config },
  });
  return project;
}

const run = (): Promise<CliResult> => runCli(["run", "-c", project.config, "--json"]);
const last = ({ events }: CliResult) => events.at(-1);
const reasons = () => project.column("select distinct reason from jobs where state = 'failed'");
const failuresCounted = () => project.count("select sum(failures) from jobs");

describe("a refused workflow", () => {
  it("quarantines its variant in ComfyUI's words, and sends none of its other jobs; other variants go on", async () => {
    const variants = [
      { name: "base", set: { width: 64, height: 64 } },
      { name: "broken", set: { width: 64, height: 64, "1.ckpt_name": "missing.safetensors" } },
    ];
    await open([{}], { config: { candidates: { per_prompt: SEEDS, variants } } });
    const result = await run();
    expect(result.exit).toBe(3);
    expect(last(result)).toMatchObject({ stored: CANDIDATES, failed: CANDIDATES });
    expect(result.stderr).toMatch(
      /node 1 \(CheckpointLoaderSimple\).*missing\.safetensors.*variant "broken" is set aside|variant "broken" is set aside.*missing\.safetensors/s,
    );
    expect(emulators[0]!.stats.submitted).toBe(CANDIDATES);
    // The first of the variant, and those that were sent before its answer came.
    expect(emulators[0]!.stats.posted).toBeLessThanOrEqual(CANDIDATES + 2);
  });

  it("in part (200 with node_errors) is refused like a whole one, and what was taken of it is not run", async () => {
    const made = await open([{ execMs: 200 }], { workflow: "tiny.json" });
    const workflow = {
      "1": { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: 1, color: 0 } },
      "2": { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: 1, strength: 0.5 } },
      "3": { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: "a" } },
      "4": {
        class_type: "ImageScale",
        inputs: { image: ["2", 0], upscale_method: "no such method", width: 32, height: 32, crop: "disabled" },
      },
      "5": { class_type: "SaveImage", inputs: { images: ["4", 0], filename_prefix: "b" } },
    };
    writeFileSync(`${made.dir}/workflow.json`, JSON.stringify(workflow));
    made.configure({
      workflow: { file: "workflow.json", bind: { prompt: "none", seed: "2.seed" }, outputs: [3, 5] },
      candidates: { per_prompt: SEEDS },
    });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: 0, failed: CANDIDATES });
    expect(result.stderr).toMatch(/node 4 \(ImageScale\).*no such method/s);
  });

  it("is run by the servers that take it, and waited for no longer than give_up_s where those are gone", async () => {
    const prompts = Array.from({ length: 20 }, (_, index) => `p ${index}`);
    await open([{ execMs: 100 }, { checkpoints: ["another.safetensors"] }], { prompts });
    const [takes, refuses] = emulators;
    const cli = startCli(["run", "-c", project.config, "--json"]);
    await expect.poll(() => takes!.stats.executed, POLL).toBeGreaterThan(3);
    await takes!.kill();
    const result = await cli.result;
    expect(result.exit, result.stderr).toBe(1);
    expect(result.stderr).toMatch(/nothing was achieved for 6 s.*refused the workflow of variant "base"/);
    expect(refuses!.stats.executed).toBe(0);
    expect(project.count("select count(*) from jobs where state = 'failed'")).toBe(0);
    await takes!.start();
    expect(last(await run())).toMatchObject({ exit: 0, stored: 60 });
  });

  it("over a value of one prompt fails that prompt's jobs alone", async () => {
    const servers = await open([{}], { prompts: ["unused"] });
    const rows = [64, 64, 99_999].map((width, index) => JSON.stringify({ prompt: `image ${index}`, w: width }));
    writeFileSync(`${servers.dir}/prompts.jsonl`, rows.join("\n"));
    servers.configure({
      prompts: { file: "prompts.jsonl", columns: { width: "w" } },
      candidates: { per_prompt: SEEDS, variants: [{ name: "base", set: { height: 64 } }] },
    });
    const result = await run();
    expect(last(result)).toMatchObject({ exit: 3, stored: 2 * SEEDS, failed: SEEDS });
    expect(reasons()).toEqual(["validation"]);
    expect(servers.column("select detail from jobs where state = 'failed' limit 1")[0]).toMatch(/values of this prompt.*99999/);
  });
});

describe("a job that fails", () => {
  it("for want of memory is tried again there after /free, then elsewhere, then fails with a hint", async () => {
    await open([{}, {}], { prompts: [...PROMPTS, "FAIL oom", "FAIL oom 1"] });
    const result = await run();
    expect(last(result)).toMatchObject({ exit: 3, stored: CANDIDATES + SEEDS, failed: SEEDS });
    expect(reasons()).toEqual(["oom"]);
    expect(project.column("select detail from jobs where reason = 'oom' limit 1")[0]).toMatch(/Try: a lower width and height/);
    const tried = project.column(
      "select group_concat(server) from (select job, server from job_failures where job in (select job from jobs where reason = 'oom') order by id) group by job",
    );
    for (const servers of tried) {
      const [first, second, third] = String(servers).split(",");
      expect(second).toBe(first);
      expect(third).not.toBe(first);
    }
  });

  it("with another error goes to another server, and after max_attempts fails with node and exception", async () => {
    await open([{}, {}], { prompts: [...PROMPTS, "FAIL execution-error", "FAIL execution-error 1"] });
    const result = await run();
    expect(last(result)).toMatchObject({ exit: 3, stored: CANDIDATES + SEEDS, failed: SEEDS });
    expect(project.column("select detail from jobs where state = 'failed' limit 1")[0]).toMatch(/node \d+ \(\w+\): RuntimeError/);
    expect(
      project.column("select count(*) from job_failures where job in (select job from jobs where state = 'failed') group by job"),
    ).toEqual(Array.from({ length: SEEDS }, () => 3));
  });

  it("on every server, whatever the prompt, is its variant's fault: the variant is quarantined", async () => {
    await open([{ faults: "execution-error:1:always" }]);
    const result = await run();
    expect(last(result)).toMatchObject({ exit: 3, stored: 0, failed: CANDIDATES });
    expect(new Set(reasons())).toEqual(new Set(["execution-error", "variant-quarantined"]));
    expect(emulators[0]!.stats.executed, "not every job was tried").toBeLessThan(3 * CANDIDATES);
  });

  it("is tried anew, with all its attempts, after `retry`", async () => {
    await open([{}], { prompts: [...PROMPTS, "FAIL execution-error 3"] });
    expect(last(await run())).toMatchObject({ exit: 3, failed: SEEDS });
    expect((await runCli(["retry", "-c", project.config, "--reason", "execution-error"])).exit).toBe(0);
    expect(last(await run())).toMatchObject({ exit: 0, stored: CANDIDATES + SEEDS, failed: 0 });
  });

  it("without an image is failed as no-output", async () => {
    await open([{}], { prompts: [...PROMPTS, "FAIL no-output"] });
    expect(last(await run())).toMatchObject({ stored: CANDIDATES, failed: SEEDS });
    expect(reasons()).toEqual(["no-output"]);
  });
});

describe("a server at fault", () => {
  const many = Array.from({ length: 24 }, (_, index) => `image number ${index}`);

  it("is left alone, its failures count against no job, and it is let back in when it works again", async () => {
    await open([{ execMs: 60 }, { faults: "execution-error:1:always" }], { prompts: many });
    const [, bad] = emulators;
    const cli = startCli(["run", "-c", project.config, "--json"]);
    const stateOf = () => project.column(`select state from servers where url = '${bad!.url}'`)[0];
    await expect.poll(stateOf, POLL).toBe("latched");
    expect(failuresCounted()).toBe(0);
    bad!.setFaults("");
    await expect.poll(stateOf, POLL).toBe("up");
    const result = await cli.result;
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: many.length * SEEDS, failed: 0 });
    expect(result.stderr).toContain("is left alone for a while");
    expect(project.count(`select count(*) from images where server = '${bad!.url}'`), "images after it was let back in").toBeGreaterThan(0);
  });

  it("that accepts and runs nothing is found by its silence; its jobs are made elsewhere", async () => {
    await open([{ execMs: 30 }, { faults: "stall:1:always" }]);
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES });
    expect(result.stderr).toMatch(/left alone for a while: it has \d jobs and has done nothing for 2 s/);
    expect(project.count("select value from counters where name = 'stalled_jobs'")).toBeGreaterThan(0);
    expect(failuresCounted()).toBe(0);
  });

  it("that is the only one and stalls for ever ends the run with exit 1 after give_up_s, and no job is given up", async () => {
    await open([{ faults: "stall:1:always" }]);
    const result = await run();
    expect(result.exit, result.stderr).toBe(1);
    expect(result.stderr).toMatch(/nothing was achieved for 6 s.*has done nothing for 2 s/);
    expect(project.count("select count(*) from jobs where state not in ('planned', 'submitted')")).toBe(0);
  });

  it("that is drained keeps no failed job waiting for it", async () => {
    await open([{}, {}], { prompts: [...PROMPTS, "FAIL execution-error 1"] });
    const [, drained] = emulators;
    expect((await runCli(["generate", "-c", project.config, "--prompts", "1"])).exit).toBe(0);
    expect((await runCli(["servers", "drain", drained!.url, "-c", project.config])).exit).toBe(0);
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES + SEEDS });
  });

  it("that refuses our credentials in mid-run is given up, and the others go on", async () => {
    await open([{ execMs: 20 }, { execMs: 20 }], { prompts: Array.from({ length: 10 }, (_, index) => `p ${index}`) });
    const [, closed] = emulators;
    // A proxy that lets a few requests through and then wants credentials.
    let served = 0;
    await using proxy = await startHttpServer((asked, answered) =>
      ++served > 5 ? answered.writeHead(401).end() : forward(asked, answered, closed!.url),
    );
    project.configure({ servers: [{ url: emulators[0]!.url }, { url: proxy.url }] });
    const result = await runCli(["generate", "-c", project.config, "--json"]);
    expect(result.exit, result.stderr).toBe(0);
    expect(project.count("select count(*) from jobs where state = 'done'")).toBe(30);
    expect(result.stderr).toContain("Going on without");
  });

  it("that stalls lets one Ctrl-C end the run", async () => {
    await open([{ faults: "stall:1:always" }]);
    const cli = startCli(["run", "-c", project.config]);
    await expect.poll(() => project.count("select count(*) from jobs where attempt > 0"), POLL).toBeGreaterThan(0);
    cli.child.kill("SIGINT");
    expect((await cli.result).exit).toBe(130);
    expect(project.count("select count(*) from jobs where state <> 'planned'")).toBe(0);
  });

  it("that cuts off every submission is no server: exit 1 after give_up_s", async () => {
    // Longer than it takes to find three submissions in neither queue nor history, two at a time.
    await open([{ faults: "submit-drop:1:always" }], { config: { generate: { ...FAST, give_up_s: 16 } } });
    const result = await run();
    expect(result.exit, result.stderr).toBe(1);
    expect(result.stderr).toContain("cut off 3 submissions in a row");
  });
});

describe("a server that people share", () => {
  it("gets no new jobs while its memory is short, is asked to unload what lies there, and gets them again", async () => {
    // The first of the two is the look at the start.
    await open([{ faults: "low-memory:1:2" }], { config: { generate: { ...FAST, min_free_vram_mb: 1_000 } } });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES });
    expect(result.stderr).toMatch(/gets no new jobs for now: .*(?:VRAM|memory)/);
    expect(result.stderr).toContain("has enough memory and disk again");
  });

  it("gets no new jobs for as long as its memory is short", async () => {
    await open([{ faults: "low-memory:1:always" }], { config: { generate: { ...FAST, min_free_ram_mb: 1_000 } } });
    const result = await runCli(["generate", "-c", project.config, "--for", "2s"]);
    expect(result.exit, result.stderr).toBe(0);
    expect(result.stderr).toContain("gets no new jobs for now");
    expect(emulators[0]!.stats.posted).toBe(0);
  });
});

describe("a server that comes and goes", () => {
  it.each([
    "http-503:0.2",
    "http-429:0.2",
    "submit-reset:0.3",
    "submit-drop:0.3",
    "ws-drop:0.3",
    "http-503:0.1,submit-reset:0.1,ws-drop:0.1",
  ])("answers badly now and then (%s): everything is made, and nothing twice", async (faults) => {
    emulators.push(...(await startEmulators(2, { execMs: 5, faults })));
    project = makeProject({ servers: emulators.map(({ url }) => url), config: { generate: FAST } });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES, failed: 0 });
    expect(failuresCounted()).toBe(0);
    expect(emulators.reduce((sum, { stats }) => sum + stats.executed, 0)).toBe(CANDIDATES);
  });

  it("crashes and forgets its queue: what it had is made again, and counts against no job", async () => {
    await open([{ faults: "crash-after:4" }, {}]);
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES, failed: 0 });
    expect(failuresCounted()).toBe(0);
  });
});

describe("an image that arrives badly", () => {
  it.each(["view-cut", "view-short", "view-flip", "view-html", "view-swap", "view-404"])(
    "once (%s) is fetched or made again",
    async (kind) => {
      await open([{ faults: `${kind}:0.4` }]);
      const result = await run();
      expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES, rejected: 0, failed: 0 });
      expect((await runCli(["verify", "-c", project.config])).exit).toBe(0);
    },
  );

  it.each([
    ["view-flip", "rejected", "corrupt"],
    ["view-html", "rejected", "not-an-image"],
    ["view-swap", "rejected", "wrong-prompt"],
    ["view-404", "failed", "lost-file"],
    ["hostile-name", "rejected", "hostile-name"],
  ])("always (%s) ends as %s (%s), and is never an object of the store", async (kind, state, reason) => {
    await open([{}], { prompts: [...PROMPTS, `FAIL ${kind}`] });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: CANDIDATES, [state]: SEEDS });
    const table = state === "rejected" ? "images" : "jobs";
    expect(project.column(`select distinct reason from ${table} where state = '${state}'`)).toEqual([reason]);
    expect(project.count("select count(*) from images where state = 'stored'")).toBe(CANDIDATES);
  });
});

describe("what harvest refuses", () => {
  it.each([
    ["view-cut", "truncated", {}],
    ["view-flip", "corrupt", {}],
    ["view-html", "not-an-image", {}],
    ["view-swap", "wrong-prompt", {}],
    ["view-404", "lost-file", {}],
    ["", "too-large", { max_image_mb: 0.001 }],
  ])("%s: status counts it as %s, retry --stage harvest --reason brings back that and nothing else", async (fault, reason, harvest) => {
    const faults = fault === "" ? "" : `${fault}:1:always`;
    const made = await open([{ faults }], { config: { generate: { ...FAST, max_attempts: 1 }, harvest } });
    expect((await run()).exit).toBe(3);
    const status = await runCli(["status", "-c", made.config]);
    expect(status.stdout).toMatch(new RegExp(`^  ${CANDIDATES} (?:images|jobs): ${reason}`, "m"));
    const retry = (why: string) => runCli(["retry", "--stage", "harvest", "--reason", why, "-c", made.config, "--json"]);
    const other = await retry(reason === "corrupt" ? "truncated" : "corrupt");
    expect(other.events[0]).toMatchObject({ event: "retried", jobs: 0, images: 0 });
    const { events } = await retry(reason);
    expect(Number(events[0]?.["jobs"]) + Number(events[0]?.["images"])).toBe(CANDIDATES);
    emulators[0]!.setFaults("");
    made.configure({ generate: FAST });
    if (reason === "too-large") made.configure({ generate: FAST, harvest: {} });
    const again = await run();
    expect(again.exit, again.stderr).toBe(0);
    expect(last(again)).toMatchObject({ stored: CANDIDATES, rejected: 0, failed: 0 });
  });
});
