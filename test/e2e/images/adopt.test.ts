import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { comfyPng, sd15Graph } from "../../helpers/comfy-png.ts";
import { runCli, startCli, type CliResult } from "../../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// Images that were made elsewhere, from each kind of source, as a person with many of them takes them.

const POLL = { timeout: 20_000, interval: 5 };
const STORED = "select count(*) from images where state = 'stored'";
/** A dataset of adopted images only: no prompts of its own, nothing to generate. */
const ADOPT_ONLY = {
  prompts: { file: "none" },
  workflow: { file: "none", bind: { prompt: "2.text", seed: "class:KSampler#seed", cfg: "4.cfg" } },
  candidates: {},
};

let emulator: Emulator;
const projects: Project[] = [];
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => {
  for (const made of projects.splice(0)) made.remove();
});

function open(config: Readonly<Record<string, unknown>> = ADOPT_ONLY, servers: readonly string[] = [emulator.url]): Project {
  const made = makeProject({ servers, config });
  projects.push(made);
  return made;
}

const cli = (made: Project, ...args: readonly string[]): Promise<CliResult> => runCli([...args, "-c", made.config]);
const adopt = (made: Project, source: string): Promise<CliResult> => cli(made, "harvest", "--adopt", source, "--json");

async function succeed(made: Project, ...args: readonly string[]): Promise<CliResult> {
  const result = await cli(made, ...args);
  expect(result.exit, result.stderr).toBe(0);
  return result;
}

const adopted = ({ events }: CliResult): unknown => events.find(({ event }) => event === "adopted");

/** `prompts` × 4 seeds, each with its graph in it. */
function writeImages(folder: string, prompts: number): void {
  for (let index = 0; index < prompts * 4; index++) {
    const [prompt, seed] = [Math.floor(index / 4), index];
    const graph = sd15Graph({ prompt: `prompt ${prompt}`, seed, cfg: 5 + (index % 2) });
    mkdirSync(join(folder, `day-${prompt % 3}`), { recursive: true });
    const bytes = comfyPng({ shade: index, chunks: { prompt: JSON.stringify(graph) } });
    writeFileSync(join(folder, `day-${prompt % 3}`, `ComfyUI_${String(index + 1).padStart(5, "0")}_.png`), bytes);
  }
}

/** Path, content and time of every file: adopting shall change none. */
function fingerprint(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => `${path} ${statSync(path).mtimeMs} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`);
}

async function annotateAndExport(made: Project): Promise<Readonly<Record<string, string>>> {
  await succeed(made, "annotate");
  await succeed(made, "export");
  return made.exported();
}

interface RowImage {
  readonly seed: number;
  readonly variant: string;
  readonly model: string;
  readonly params: string;
  readonly uri: string;
}

const imagesOf = (made: Project): readonly RowImage[] =>
  made.rows().flatMap((row) => [row["chosen"] as RowImage, ...(row["rejected"] as readonly RowImage[])]); // Rows of our own export.

describe("harvest --adopt URL", () => {
  it("takes all of a server's history and leaves it there; rows have model, seed, parameters", async () => {
    const maker = open({});
    await succeed(maker, "generate");
    const history = async (): Promise<string> => (await fetch(`${emulator.url}/history`)).text();
    const before = await history();
    const made = open(ADOPT_ONLY, ["http://127.0.0.1:9"]);
    const first = await adopt(made, `${emulator.url}/`);
    expect(first.exit, first.stderr).toBe(0);
    expect(adopted(first)).toMatchObject({ images: PROMPTS.length * 3, known: 0, refused: {}, source: emulator.url });
    expect(first.events.at(-1)).toMatchObject({ event: "done", exit: 0, planned: 12, stored: 12, pending: 0, images: 12 });
    expect(made.column("select distinct server || ' ' || variant from image_index")).toEqual([
      `${emulator.url} adopted/v1-5-pruned-emaonly.safetensors`,
    ]);
    await annotateAndExport(made);
    const seeds = maker.column("select seed from jobs").map(Number);
    for (const image of imagesOf(made)) {
      expect(seeds).toContain(image.seed);
      expect(image).toMatchObject({ model: "v1-5-pruned-emaonly.safetensors", params: '{"cfg":7}' });
    }
    expect(new Set(made.rows().map((row) => row["prompt"]))).toEqual(new Set(PROMPTS));
    expect(JSON.parse(readFileSync(join(made.runs, "export/v1/manifest.json"), "utf8"))).toMatchObject({ complete: true });
    await succeed(made, "verify");
    expect(adopted(await adopt(made, emulator.url))).toMatchObject({ images: 0, known: 12 });
    expect(await history()).toBe(before);
  });

  it("fetches again what the network spoils", async () => {
    await succeed(open({}), "generate");
    const made = open();
    emulator.setFaults("view-cut:3@1,view-short:3@2,view-flip:3@3,view-html:3@4,http-503:3@5");
    const { exit, stderr } = await adopt(made, emulator.url);
    emulator.setFaults("");
    expect(exit, stderr).toBe(0);
    await succeed(made, "verify");
  });

  it("of the dataset's own server finds the images that it made itself", async () => {
    const made = open({ harvest: { delete_history: false } });
    await succeed(made, "run");
    expect(adopted(await adopt(made, emulator.url))).toMatchObject({ images: 0, refused: {} });
    expect(made.count("select count(*) from jobs where adopted = 1")).toBe(0);
  });

  it("that cannot be reached ends with exit 1 and says what to try", async () => {
    const { exit, stderr } = await adopt(open(), "http://127.0.0.1:9");
    expect(exit).toBe(1);
    expect(stderr).toContain("http://127.0.0.1:9");
  });
});

describe("harvest --adopt FOLDER", () => {
  it("takes what is whole, counts the rest by reason, changes nothing there, and finds nothing new the second time", async () => {
    const made = open();
    const folder = join(made.dir, "images");
    writeImages(folder, 5);
    const whole = comfyPng({ shade: 999, chunks: { prompt: JSON.stringify(sd15Graph()) } });
    writeFileSync(join(folder, "cut.png"), whole.subarray(0, whole.length - 20));
    writeFileSync(join(folder, "bare.png"), comfyPng({ shade: 1000 }));
    writeFileSync(join(folder, "ui.png"), comfyPng({ shade: 1001, chunks: { workflow: '{"nodes":[],"links":[]}' } }));
    writeFileSync(join(folder, "page.png"), "<html>");
    writeFileSync(join(folder, "other.png"), comfyPng({ shade: 1002, chunks: { prompt: '{"1":{"class_type":"X","inputs":{}}}' } }));
    const [copy = ""] = readdirSync(join(folder, "day-0"));
    writeFileSync(join(folder, "copy.png"), readFileSync(join(folder, "day-0", copy)));
    const before = fingerprint(folder);

    const first = await adopt(made, folder);
    const refused = { "no-prompt": 2, truncated: 2, "prompt-unbound": 1 };
    expect(first.exit, first.stderr).toBe(3);
    expect(adopted(first)).toMatchObject({ images: 20, known: 1, refused });
    const again = await adopt(made, folder);
    expect(again.exit).toBe(3);
    expect(adopted(again)).toMatchObject({ images: 0, known: 21, refused });
    expect(fingerprint(folder)).toEqual(before);
    const { stdout } = await cli(made, "status");
    expect(stdout).toContain("20 planned = 0 pending + 20 stored");
    expect(stdout).toContain("not adopted 2: no-prompt");

    for (const name of ["cut", "bare", "ui", "page", "other"]) rmSync(join(folder, `${name}.png`));
    expect((await adopt(made, folder)).exit).toBe(0);
    expect((await cli(made, "status")).stdout).not.toContain("not adopted");
  });

  it("goes on after kill -9 at any moment, and ends in the same bytes", async () => {
    const [undisturbed, made] = [open(), open()];
    const folder = join(made.dir, "images");
    writeImages(folder, 75);
    expect((await adopt(undisturbed, folder)).exit).toBe(0);
    for (const count of [1, 60, 150, 280]) {
      const running = startCli(["harvest", "--adopt", folder, "-c", made.config]);
      await expect.poll(() => made.count(STORED), POLL).toBeGreaterThanOrEqual(count);
      running.child.kill("SIGKILL");
      await running.result;
    }
    const last = await adopt(made, folder);
    expect(last.exit, last.stderr).toBe(0);
    expect(made.count(STORED)).toBe(300);
    expect(await annotateAndExport(made)).toEqual(await annotateAndExport(undisturbed));
    await succeed(made, "verify");
  }, 120_000);

  it("stops in good order at Ctrl-C, and goes on", async () => {
    const made = open({ ...ADOPT_ONLY, harvest: { concurrency: 1 } });
    const folder = join(made.dir, "images");
    writeImages(folder, 75);
    const running = startCli(["harvest", "--adopt", folder, "-c", made.config]);
    await expect.poll(() => made.count(STORED), POLL).toBeGreaterThanOrEqual(5);
    running.child.kill("SIGINT");
    const { exit, stderr } = await running.result;
    expect(exit, stderr).toBe(130);
    const there = made.count(STORED);
    expect(there).toBeLessThan(300);
    expect(adopted(await adopt(made, folder))).toMatchObject({ images: 300 - there });
  });
});

describe("harvest --adopt FILE.jsonl", () => {
  it("takes images of any kind from files and from the web; what it says goes before what the image says", async () => {
    await succeed(open({}), "generate");
    const entry = Object.values((await (await fetch(`${emulator.url}/history`)).json()) as Record<string, HistoryEntry>).at(-1)!;
    const { filename, subfolder } = entry.outputs["7"]!.images[0]!;
    const made = open();
    writeImages(join(made.dir, "set"), 1);
    const files = readdirSync(join(made.dir, "set/day-0"));
    const lines = [
      { prompt: "said", file: `set/day-0/${files[0]}`, model: "flux", seed: 7 },
      { prompt: "said", file: `set/day-0/${files[1]}`, model: "flux" },
      { prompt: "said", uri: `${emulator.url}/view?${new URLSearchParams({ filename, subfolder }).toString()}`, seed: null, model: "" },
      { prompt: "said", uri: `${emulator.url}/view?filename=none.png`, model: "flux" },
    ];
    writeFileSync(join(made.dir, "set.jsonl"), `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"prompt":\n`);
    const result = await adopt(made, join(made.dir, "set.jsonl"));
    expect(result.exit, result.stderr).toBe(3);
    expect(adopted(result)).toMatchObject({ images: 3, refused: { "lost-file": 1, "bad-line": 1 } });
    expect(made.column("select prompt || ' ' || variant || ' ' || (seed = '7') from image_index order by 1")).toEqual([
      "said adopted/flux 0",
      "said adopted/flux 1",
      "said adopted/v1-5-pruned-emaonly.safetensors 0",
    ]);
  });

  it("without a graph anywhere: an unknown seed is -1, in rows, too", async () => {
    const made = open({ ...ADOPT_ONLY, workflow: { file: "none", bind: { prompt: "none", seed: "none" } } });
    const lines = [1, 2, 3].map((shade) => {
      writeFileSync(join(made.dir, `${shade}.png`), comfyPng({ shade }));
      return JSON.stringify({ prompt: "a cat", file: `${shade}.png`, model: "sdxl" });
    });
    writeFileSync(join(made.dir, "l.jsonl"), lines.join("\n"));
    expect((await adopt(made, join(made.dir, "l.jsonl"))).exit).toBe(0);
    await annotateAndExport(made);
    expect(imagesOf(made).map(({ seed, model, params }) => [seed, model, params])).toEqual([1, 2, 3].map(() => [-1, "sdxl", "{}"]));
    await succeed(made, "verify");
  });

  it("and a folder of the same images give the same bytes in either order", async () => {
    const exports = [];
    for (const order of ["folder first", "lines first"]) {
      const made = open();
      const folder = join(made.dir, "images");
      writeImages(folder, 3);
      const paths = fingerprint(folder).map((line) => line.split(" ", 1)[0]!);
      // The line says the prompt that the image says, and another model: they describe one image.
      const lines = paths.map((file, index) => JSON.stringify({ prompt: `prompt ${promptOf(file)}`, file, model: "said", id: index }));
      writeFileSync(join(made.dir, "l.jsonl"), lines.join("\n"));
      const sources = [folder, join(made.dir, "l.jsonl")];
      for (const source of order === "folder first" ? sources : sources.toReversed()) expect((await adopt(made, source)).exit).toBe(0);
      expect(made.count(STORED)).toBe(12);
      exports.push(await annotateAndExport(made));
    }
    expect(exports[0]).toEqual(exports[1]);
  });
});

describe("adopted images beside planned ones", () => {
  it("stay through every planning, share the prompts of the file, and are never made again", async () => {
    const made = open();
    made.configure({
      prompts: { file: "prompts.txt" },
      workflow: { ...ADOPT_ONLY.workflow, file: "workflow.json" },
      candidates: { per_prompt: 2 },
    });
    const folder = join(made.dir, "images");
    mkdirSync(folder);
    for (const [shade, prompt] of [PROMPTS[0]!, PROMPTS[0]!, "only adopted", "only adopted"].entries()) {
      writeFileSync(
        join(folder, `${shade}.png`),
        comfyPng({ shade, sizePx: 512, chunks: { prompt: JSON.stringify(sd15Graph({ prompt, seed: shade })) } }),
      );
    }
    expect((await adopt(made, folder)).exit).toBe(0);
    const before = emulator.stats.submitted;
    await succeed(made, "run");
    expect(emulator.stats.submitted - before).toBe(PROMPTS.length * 2);
    expect(made.count(`select count(*) from image_index where prompt = '${PROMPTS[0]}' and state = 'stored'`)).toBe(4);
    expect(made.rows().map((row) => row["prompt"])).toContain("only adopted");
    expect(made.column("select distinct state from variants")).toEqual(["active"]);

    writeFileSync(join(made.dir, "prompts.txt"), `${PROMPTS[1]}\n`);
    const { events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(events.at(-1)).toMatchObject({ exit: 0, planned: 2 + 4, stored: 6 });
    expect(made.count("select count(*) from prompts where active = 1")).toBe(3);
  });
});

describe("an adopted image that the store lost", () => {
  it("is adopted again, not made again", async () => {
    const made = open();
    const folder = join(made.dir, "images");
    writeImages(folder, 1);
    await adopt(made, folder);
    const [uri, imageId] = ["uri", "image_id"].map((column) =>
      String(made.column(`select ${column} from image_index order by image_id`)[0]),
    );
    rmSync(fileURLToPath(uri!));
    await succeed(made, "retry", "--id", imageId!);
    expect((await cli(made, "status")).stdout).toContain("adopt its source again");
    await succeed(made, "retry");
    expect(adopted(await adopt(made, folder))).toMatchObject({ images: 1, known: 3 });
    await succeed(made, "verify");
  });
});

describe("a source that is none", () => {
  it.each([
    ["nowhere", "there is no such file"],
    ["pipeline.yaml", "neither a folder nor a .jsonl"],
    ["ftp://x/y", "neither http:// nor https://"],
    ["http://user:hunter2@x", "user name, password"],
  ])("%s is exit 2, and nothing is made", async (name, why) => {
    const made = open();
    const { exit, stderr } = await adopt(made, name.includes(":") ? name : join(made.dir, name));
    expect(exit).toBe(2);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain("hunter2");
    expect(made.started()).toBe(false);
  });
});

interface HistoryEntry {
  readonly outputs: Readonly<Record<string, { readonly images: readonly { readonly filename: string; readonly subfolder: string }[] }>>;
}

/** The number of the prompt that writeImages() gave a file. */
function promptOf(file: string): number {
  return Math.floor((Number(/_(\d{5})_/.exec(file)?.[1]) - 1) / 4);
}
