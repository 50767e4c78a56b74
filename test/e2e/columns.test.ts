import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// Values that a prompt brings along, and several images of one seed.

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const bind = {
  prompt: "2.text",
  seed: "class:KSampler#seed",
  width: "5.width",
  height: "5.height",
  sampler: "4.sampler_name",
  batch: "5.batch_size",
};
const workflow = { file: "workflow.json", bind };

interface Side {
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  readonly batch_index: number;
  readonly image_id: string;
  readonly params: string;
}
const sidesOf = (made: Project): readonly Side[] =>
  // The columns that every row has.
  (made.rows() as unknown as readonly { chosen: Side; rejected: readonly Side[] }[]).flatMap(({ chosen, rejected }) => [
    chosen,
    ...rejected,
  ]);

describe("prompts.columns", () => {
  it("feed bound names prompt by prompt: numbers and words, in the images, in params, and in a prompt's identity", async () => {
    const made = (project = makeProject({
      servers: [emulator.url],
      config: {
        prompts: { file: "prompts.tsv", prompt: "text", columns: { width: "W", sampler: "S" } },
        workflow,
        candidates: { per_prompt: 2, variants: [{ name: "base", set: { height: 64, batch: 1 } }] },
      },
    }));
    // The same text twice with another width is two prompts; an empty cell leaves the workflow's own value.
    writeFileSync(join(made.dir, "prompts.tsv"), "text\tW\tS\na cat\t64\teuler\na cat\t128\tddim\na dog\t96\t\n");
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(made.column("select distinct width || 'x' || height from image_index where prompt = 'a cat' order by width")).toEqual([
      "64x64",
      "128x64",
    ]);
    expect(made.count("select count(distinct prompt_key) from image_index")).toBe(3);
    const rows = made.rows();
    expect(rows.map(({ prompt }) => String(prompt)).toSorted()).toEqual(["a cat", "a cat", "a dog"]);
    const params = new Set(sidesOf(made).map((side) => side.params));
    expect(params).toContain('{"batch":1,"height":64,"sampler":"ddim","width":128}');
    expect(params).toContain('{"batch":1,"height":64,"sampler":"euler","width":64}');
    expect([...params].some((text) => text.includes('"width":96') && text.includes('"sampler"'))).toBe(false);
    // Sent as a number, as the input holds one.
    const bounds = made.column("select bound from prompts order by position") as readonly string[];
    expect(bounds).toEqual(['{"sampler":"euler","width":64}', '{"sampler":"ddim","width":128}', '{"width":96}']);
  });

  it("with a cell that cannot stand in its input: told at once with its line, and only that prompt fails", async () => {
    const made = (project = makeProject({
      servers: [emulator.url],
      config: {
        prompts: { file: "prompts.csv", prompt: "text", columns: { width: "W" } },
        workflow,
        candidates: { per_prompt: 2, variants: [{ name: "base", set: { height: 64 } }] },
      },
    }));
    writeFileSync(join(made.dir, "prompts.csv"), "text,W\na cat,64\na dog,wide\n");
    const dry = await runCli(["generate", "--dry-run", "-c", made.config]);
    expect(dry.exit).toBe(0);
    const words =
      /1 prompt whose width cannot stand in input "width" of node 5 \(EmptyLatentImage.*\), which holds \d+: will fail, the others go on \(the first: line 3\)/;
    expect(dry.stderr).toMatch(words);
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(3);
    expect(stderr).toMatch(words);
    expect(
      made.column(
        "select distinct prompt || ': ' || reason || ': ' || detail from jobs join prompts using (prompt_key) where state = 'failed'",
      ),
    ).toEqual([expect.stringMatching(/^a dog: validation: Cannot set width to "wide": node 5 /)]);
    expect(made.rows().map(({ prompt }) => prompt)).toEqual(["a cat"]);
  });
});

describe("batch_size", () => {
  it.each([
    ["set by a variant", { height: 64, width: 64, batch: 3 }],
    ["written in the workflow", { height: 64, width: 64 }],
  ])("%s gives several images of one seed, told apart by their index", async (how, set) => {
    const made = (project = makeProject({
      servers: [emulator.url],
      prompts: ["a cat", "a dog"],
      config: { workflow, candidates: { per_prompt: 2, variants: [{ name: "base", set }] } },
    }));
    if (!("batch" in set)) {
      const file = join(made.dir, "workflow.json");
      writeFileSync(file, readFileSync(file, "utf8").replace(/"batch_size": \d+/, '"batch_size": 3'));
    }
    const { exit, stderr, events } = await runCli(["run", "--json", "-c", made.config]);
    expect(exit, `${how}: ${stderr}`).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: 4, stored: 4, images: 12, rows: 2 });
    expect(
      made.column("select group_concat(batch_index, '') from (select * from image_index order by batch_index) group by prompt_id, seed"),
    ).toEqual(Array.from({ length: 4 }, () => "012"));
    const sides = sidesOf(made);
    expect(sides).toHaveLength(12);
    expect(new Set(sides.map(({ image_id: id }) => id)).size).toBe(12);
    const bySeed = Map.groupBy(sides, ({ seed }) => seed);
    expect([...bySeed.values()].map((group) => group.map((side) => side.batch_index).toSorted((a, b) => a - b))).toEqual(
      Array.from({ length: 4 }, () => [0, 1, 2]),
    );
  });
});
