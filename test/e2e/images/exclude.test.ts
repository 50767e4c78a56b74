import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { runCli, startCli, type CliResult } from "../../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// Taking images out of the dataset, back, and making them again.

const IMAGES = PROMPTS.length * 3;

let emulator: Emulator;
let faulty: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
  faulty = await startEmulator({ faults: "paint-off:1" }); // Every candidate comes out wrong the first time.
});
afterAll(() => Promise.all([emulator.stop(), faulty.stop()]));
afterEach(() => project.remove());

const open = (config: Readonly<Record<string, unknown>> = {}, server = emulator): Project =>
  (project = makeProject({ servers: [server.url], config }));
const cli = (...args: readonly string[]): Promise<CliResult> => runCli([...args, "-c", project.config]);

async function succeed(...args: readonly string[]): Promise<CliResult> {
  const result = await cli(...args);
  expect(result.exit, result.stderr).toBe(0);
  return result;
}

interface Row {
  readonly prompt: string;
  readonly chosen: { readonly image_id: string };
  readonly rejected: readonly { readonly image_id: string }[];
}
// Rows of our own export.
const rowsOf = (made: Project, version: string) => made.rows(version) as unknown as readonly Row[];
const shownIn = (made: Project, version: string): string[] =>
  rowsOf(made, version).flatMap(({ chosen, rejected }) => [chosen.image_id, ...rejected.map(({ image_id: id }) => id)]);
const storedFiles = (made: Project): string[] =>
  readdirSync(join(made.runs, "images"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".png"));

describe("exclude", () => {
  it("says what it would take out, takes it out of the next version with --yes, and undo brings it back", async () => {
    const made = open();
    await succeed("run");
    const [row] = rowsOf(made, "v1");
    const out = row!.chosen.image_id;
    const dry = await succeed("exclude", "--image", out, "--reason", "a watermark");
    expect(dry.stdout).toMatch(/^1 image of 1 prompt \(1 stored\), shown by 1 linked row\. Nothing was changed: .*--yes -c/);
    expect(dry.stdout).toContain(`exclude --image ${out} --reason "a watermark" --yes`.replaceAll('"', "'"));
    expect(made.column("select distinct state from images")).toEqual(["stored"]);

    const { events } = await succeed("exclude", "--image", out, "--reason", "a watermark", "--yes", "--json");
    expect(events).toMatchObject([
      { event: "excluded", images: 1, remade: 0 },
      { event: "done", exit: 0, stored: IMAGES, pending: 0 },
    ]);
    expect((await succeed("exclude", "list")).stdout).toBe("1 image: a watermark\n");
    expect((await succeed("status")).stdout).toContain("1 image: a watermark (excluded)");
    expect((await succeed("export")).stderr).toContain("as v2");
    expect(shownIn(made, "v2")).not.toContain(out);
    expect(shownIn(made, "v2")).toHaveLength(IMAGES - 1);
    expect((await succeed("verify", "v1")).stdout).toContain("All is well");
    expect(storedFiles(made)).toHaveLength(IMAGES);
    // Nothing makes or fetches it again.
    await succeed("run");
    expect(made.count("select count(*) from images where state = 'excluded'")).toBe(1);

    expect((await succeed("exclude", "undo", "--image", out)).stdout).toContain("brings them back");
    expect((await succeed("exclude", "undo", "--reason", "a watermark", "--yes")).stdout).toMatch(
      /^Brought back: 1 image\. Next: .*export/,
    );
    await succeed("export", "--as", "again");
    expect(made.exported("again")).toEqual(made.exported("v1"));
    expect((await succeed("exclude", "list")).stdout).toBe("No image is excluded\n");
  });

  it("keeps votes aside while an image is out", async () => {
    const made = open();
    await succeed("run");
    const { prompt, chosen, rejected } = rowsOf(made, "v1")[0]!;
    const [loser] = rejected;
    const votes = join(made.dir, "votes.jsonl");
    const images = [chosen.image_id, ...rejected.map(({ image_id: id }) => id)];
    writeFileSync(votes, `${JSON.stringify({ vote_id: "1", annotator: "ann", images, choice: loser!.image_id })}\n`);
    await succeed("annotate", "import", votes);
    await succeed("exclude", "--image", loser!.image_id, "--yes");
    const { events } = await succeed("link", "--json");
    expect(events.at(-1)).toMatchObject({ rows: 0 }); // The only vote was for it; beside votes a technical judge decides nothing.
    await succeed("exclude", "undo", "--prompt", prompt, "--yes");
    await succeed("export");
    expect(rowsOf(made, "v2")).toMatchObject([{ prompt, chosen: { image_id: loser!.image_id } }]);
  });

  it.each([
    [["--variant", "base"], IMAGES],
    [["--prompt", PROMPTS[1]!], 3],
    [["--since", "00:00", "--until", "2999-01-01"], IMAGES],
    [["--until", "2020-01-01T00:00Z"], 0],
    [["--since", "2999-01-01"], 0],
    [["--variant", "base", "--prompt", PROMPTS[0]!], 3],
  ])("%j chooses %i images", async (options, images) => {
    const made = open();
    await succeed("generate");
    const { events } = await succeed("exclude", ...options, "--json");
    expect(events[0]).toMatchObject({ event: "excludable", images, listed: images, stored: 0 });
    expect(made.count("select count(*) from images where state = 'listed'")).toBe(IMAGES);
  });

  it("undo says that what --redo replaced stays out", async () => {
    const made = open();
    await succeed("run");
    await succeed("exclude", "--prompt", PROMPTS[0]!, "--redo", "--yes");
    const kept = "3 stay out, because --redo has them made again";
    expect((await succeed("exclude", "undo", "--prompt", PROMPTS[0]!)).stdout).toContain(kept);
    expect((await succeed("exclude", "undo", "--prompt", PROMPTS[0]!, "--yes")).stdout).toBe(`Brought back: 0 images; ${kept}\n`);
    expect(made.count("select count(*) from images where replaced = 1")).toBe(3);
  });

  it("takes out what is not fetched yet, and undo has it fetched", async () => {
    const made = open();
    await succeed("generate");
    await succeed("exclude", "--server", `${emulator.url}/`, "--yes");
    await succeed("harvest");
    expect(storedFiles(made)).toEqual([]);
    expect((await succeed("exclude", "undo", "--variant", "base", "--yes")).stdout).toContain(`Brought back: ${IMAGES} images`);
    await succeed("run");
    expect(storedFiles(made)).toHaveLength(IMAGES);
    expect(shownIn(made, "v1")).toHaveLength(IMAGES);
  });

  it("prune deletes it once no version shows it, and it stays out", async () => {
    const made = open();
    await succeed("generate");
    await succeed("harvest");
    await succeed("exclude", "--prompt", PROMPTS[0]!, "--reason", "wrong text", "--yes");
    await succeed("run");
    const before = made.exported();
    expect((await succeed("prune", "--yes")).stdout).toContain("Deleted: 3 images");
    expect((await succeed("exclude", "list")).stdout).toBe("3 images: wrong text (3 no longer in the store)\n");
    expect((await succeed("run")).stderr).toContain("Nothing new since v1");
    expect(made.exported()).toEqual(before);
    expect((await succeed("verify")).stdout).toContain("All is well");
    const undo = await succeed("exclude", "undo", "--prompt", PROMPTS[0]!, "--yes");
    expect(undo.stdout).toMatch(/^Brought back: 0 images; 3 cannot come back, because .*--redo makes them again\n$/);

    expect((await succeed("exclude", "--prompt", PROMPTS[0]!, "--redo", "--yes")).stdout).toContain("3 to be made again");
    await succeed("run");
    expect(storedFiles(made)).toHaveLength(IMAGES);
    expect(shownIn(made, "v2")).toHaveLength(IMAGES);
  });
});

describe("exclude --redo", () => {
  /** A version's choices by the images' bytes: image_ids of images that were made again are others than those of a healthy night. */
  const choices = (made: Project, version: string): readonly string[] =>
    made
      .rows(version)
      .map((row) => row as unknown as { prompt: string; chosen: { sha256: string }; rejected: readonly { sha256: string }[] })
      .map(({ prompt, chosen, rejected }) => [prompt, chosen.sha256, ...rejected.map(({ sha256 }) => sha256)].join(" "))
      .toSorted();

  async function healthyChoices(): Promise<readonly string[]> {
    const other = open();
    await succeed("run");
    const made = choices(other, "v1");
    other.remove();
    return made;
  }

  it("after a run and its export makes a faulty server's images again; the old version keeps its files", async () => {
    const healthy = await healthyChoices();
    const made = open({}, faulty);
    faulty.setFaults("paint-off:1");
    await succeed("run");
    const first = made.exported("v1");
    expect(choices(made, "v1")).not.toEqual(healthy);
    const redo = ["exclude", "--server", faulty.url, "--since", "2020-01-01", "--redo", "--reason", "gpu-2 was faulty"];
    expect((await succeed(...redo)).stdout).toContain(
      `${IMAGES} images of 4 prompts (${IMAGES} stored), shown by 4 linked rows; ${IMAGES} to be made again. Nothing`,
    );

    const running = startCli([...redo, "--yes", "-c", made.config]);
    await expect
      .poll(() => made.count("select count(*) from images where state = 'excluded'"), { timeout: 20_000, interval: 1 })
      .toBeGreaterThan(0);
    running.child.kill("SIGKILL");
    await running.result;
    await succeed(...redo, "--yes"); // Whatever the kill left.
    expect(made.count("select count(*) from jobs where state = 'planned'")).toBe(IMAGES);
    expect((await succeed("status")).stdout).toContain(`${IMAGES} planned = ${IMAGES} pending + 0 stored + 0 rejected + 0 failed`);

    expect((await succeed("run")).stderr).toContain("as v2");
    expect(choices(made, "v2")).toEqual(healthy);
    expect(made.exported("v1")).toEqual(first);
    expect(storedFiles(made)).toHaveLength(2 * IMAGES);
    for (const version of ["v1", "v2"]) expect((await succeed("verify", version)).stdout).toContain("All is well");
    expect(made.column("select distinct generation from image_index where state = 'stored'")).toEqual([1]);
    expect((await succeed("exclude", "list")).stdout).toBe(`${IMAGES} images: gpu-2 was faulty (${IMAGES} made again)\n`);
    expect((await succeed("exclude", "undo", "--server", faulty.url)).stdout).toContain("0 images of 0 prompts");
    // A second time it is about the images that were made again.
    expect((await succeed(...redo)).stdout).toContain(`${IMAGES} images of 4 prompts (${IMAGES} stored)`);
  });

  it("beside a run in another terminal has the images made by that very run", async () => {
    const slow = await startEmulator({ execMs: 150 });
    try {
      const made = open({}, slow);
      const running = startCli(["run", "-c", made.config]);
      await expect.poll(() => made.count("select count(*) from images where state = 'stored'"), { timeout: 20_000 }).toBeGreaterThan(0);
      const [image = ""] = made.column("select image_id from images where state = 'stored' limit 1").map(String);
      expect((await succeed("exclude", "--image", image, "--redo", "--yes")).stdout).toContain("1 to be made again");
      const { exit, stderr } = await running.result;
      expect(exit, stderr).toBe(0);
      expect(
        made.column(`select generation from images where job = (select job from images where image_id = '${image}') order by 1`),
      ).toEqual([0, 1]);
      expect(made.count("select count(*) from images where state = 'stored'")).toBe(IMAGES);
      expect(shownIn(made, "v1")).toHaveLength(IMAGES);
      expect(shownIn(made, "v1")).not.toContain(image);
    } finally {
      await slow.stop();
    }
  });

  it("keeps votes, which say nothing of the new image", async () => {
    const made = open({ annotate: { filters: { near_duplicate: 0 }, pairs: { from: ["people"] } } });
    await succeed("generate", "--prompts", "1");
    await succeed("harvest");
    const [a = "", b = "", c = ""] = made.column("select image_id from images order by 1").map(String);
    const votes = join(made.dir, "votes.jsonl");
    writeFileSync(votes, `${JSON.stringify({ vote_id: "1", annotator: "ann", images: [a, b, c], ranking: [[a], [b], [c]] })}\n`);
    await succeed("annotate", "import", votes);
    await succeed("exclude", "--image", a, "--redo", "--yes");
    await succeed("run", "--prompts", "1");
    expect(rowsOf(made, "v1").map(({ chosen }) => chosen.image_id)).toEqual([b]);
    expect(made.count("select count(*) from votes")).toBe(1);
  });
});

it("what cannot be done is refused, with what to try", async () => {
  open();
  await succeed("generate", "--prompts", "1");
  const cases: readonly (readonly [args: readonly string[], problem: string, hint: string])[] = [
    [[], "no condition says which", "--image, --prompt"],
    [["undo"], "no condition says which", "or --reason"],
    [["list", "x"], "too many arguments", ""],
    [["lst"], 'no such action (did you mean "list"?)', "exclude undo"],
    [["--image", "i_1"], "this dataset has no such image", "image_index"],
    [["--prompt", "a red fx"], "this dataset has no such prompt", "prompt_key"],
    [["--variant", "bas"], 'no such variant (did you mean "base"?)', "candidates.variants"],
    [["--server", "http://127.0.0.1:1"], "no such server", "its URL"],
    [["--since", "yesterday"], "Cannot read --since yesterday", "--since 02:00"],
    [["--since", "2026-02-31"], "Cannot read --since 2026-02-31", "--since 02:00"],
    [["--since", "2026-02-02", "--until", "2026-02-01"], "it ends before it begins", "2026-11-24T22:00"],
    [["--variant", "base", "--reason", "pruned"], "Cannot take the reason", "another word"],
    [["--variant", "base", "--reason", ""], "Cannot take the reason", "--reason"],
    [["undo", "--variant", "base", "--redo"], "Cannot undo with --redo", "leave one out"],
  ];
  for (const [args, problem, hint] of cases) {
    const { exit, stderr } = await cli("exclude", ...args);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(problem)]);
    expect(stderr).toContain(hint);
  }
});
