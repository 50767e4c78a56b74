import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, type CliResult } from "../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "./project.ts";

// The commands around the stages, as a person at 3 a.m. uses them.

const CANDIDATES = PROMPTS.length * 3;
let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => {
  emulator.setFaults("");
  project.remove();
});

const open = (config: Readonly<Record<string, unknown>> = {}): Project => (project = makeProject({ servers: [emulator.url], config }));
const cli = (...args: readonly string[]): Promise<CliResult> => runCli([...args, "-c", project.config]);

async function succeed(...args: readonly string[]): Promise<CliResult> {
  const result = await cli(...args);
  expect(result.exit, result.stderr).toBe(0);
  return result;
}

describe("demo", () => {
  it("ends with rows, a card and a report, and shows the first row", async () => {
    const made = open(); // For its folder: the demo brings its own configuration.
    const { exit, stdout, stderr } = await runCli(["demo"], { cwd: made.dir });
    expect(exit, stderr).toBe(0);
    for (const name of ["rows", "card", "report"]) {
      const place = new RegExp(`^${name} +(\\S.*)$`, "m").exec(stdout)?.[1] ?? "";
      expect(existsSync(place.startsWith("file:") ? fileURLToPath(place) : place), `${name}: ${place}`).toBe(true);
    }
    expect(stdout).toContain('{"id":"d_');
    expect(stderr).toContain("technical score");
  });
});

describe("where a technical judge is the only source", () => {
  const WORDS = "technical score, not preference";

  it("rows, card, manifest and the last line say so, until people vote", async () => {
    const made = open();
    const { stderr } = await succeed("run");
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^Exported 4 rows as v1 \\(${WORDS}\\): `));
    const linked = await succeed("link");
    expect(linked.stderr.trimEnd().split("\n").at(-1)).toContain(`4 by judge:quality (${WORDS})`);
    for (const row of made.rows()) expect(row).toMatchObject({ source: "judge:quality", n_votes: 0 });
    const read = (version: string, name: string): string => readFileSync(join(made.runs, "export", version, name), "utf8");
    expect(read("v1", "README.md")).toContain("> **Technical score, not preference.** 4 of 4 rows were decided by `judge:quality`");
    expect(JSON.parse(read("v1", "manifest.json"))).toMatchObject({ warnings: [`${WORDS}: 4 of 4 rows were decided by judge:quality`] });

    const [{ chosen, rejected } = { chosen: null, rejected: [] }] = made.rows() as unknown as readonly {
      chosen: { image_id: string };
      rejected: { image_id: string }[];
    }[];
    const images = [chosen!.image_id, rejected[0]!.image_id];
    writeFileSync(join(made.dir, "votes.jsonl"), `${JSON.stringify({ vote_id: "1", annotator: "ann", images, choice: 1 })}\n`);
    await succeed("annotate", "import", join(made.dir, "votes.jsonl"));
    expect((await succeed("export")).stderr).not.toContain(WORDS);
    expect(read("v2", "README.md")).not.toContain("Technical score");
    expect(JSON.parse(read("v2", "manifest.json"))).toMatchObject({ warnings: [], sources: { people: 1 } });

    const { events } = await succeed("report", "--json", "--precision", "0.8");
    expect(events).toMatchObject([
      { event: "calibration", judge: "quality", technical: true, precision: 0.8, all: { pairs: 1, accuracy: 0 }, threshold: null },
      { event: "report" },
      { event: "done" },
    ]);
    expect(readFileSync(join(made.runs, "report.html"), "utf8")).toContain("Judges against people");
    const bad = await cli("report", "--precision", "90");
    expect([bad.exit, bad.stderr]).toEqual([2, expect.stringContaining("Cannot read --precision 90")]);
  });
});

describe("status", () => {
  it("counts by state and reason, and names the way back", async () => {
    open();
    emulator.setFaults("execution-error:1:always");
    const run = await cli("run");
    expect(run.exit).toBe(3);
    expect(run.stderr).toContain(`${CANDIDATES} candidates failed`);
    expect(run.stderr).toContain("retry");
    const { exit, stdout } = await cli("status");
    expect(exit).toBe(3);
    expect(stdout).toContain(`${CANDIDATES} planned = 0 pending + 0 stored + 0 rejected + ${CANDIDATES} failed`);
    // The variant is quarantined on the way: how many jobs fail by themselves before that depends on what runs at the time.
    const failed = [/(\d+) jobs?: execution-error/, /(\d+) jobs?: variant-quarantined/].map((line) => Number(line.exec(stdout)?.[1]));
    expect(failed[0]! + failed[1]!, stdout).toBe(CANDIDATES);
  });

  it("says that there is nothing yet, and makes nothing", async () => {
    const made = open();
    for (const command of ["status", "report", "verify", "retry"]) {
      const { exit, stderr } = await cli(command);
      expect(exit, `${command}: ${stderr}`).toBe(1);
      expect(stderr, command).toContain("Try:");
      expect(made.started(), command).toBe(false);
    }
  });
});

describe("retry", () => {
  it("puts failed candidates back, by reason, and they succeed then", async () => {
    open();
    emulator.setFaults("execution-error:1:always");
    expect((await cli("run")).exit).toBe(3);
    emulator.setFaults("");
    expect((await succeed("retry", "--reason", "oom")).stdout).toContain("0 failed candidates");
    let back = 0;
    for (const reason of ["execution-error", "variant-quarantined"]) {
      const { stdout } = await succeed("retry", "--stage", "generate", "--reason", reason);
      back += Number(/(\d+) failed candidates?/.exec(stdout)?.[1]);
    }
    expect(back).toBe(CANDIDATES);
    const { events } = await succeed("run", "--json");
    expect(events.at(-1)).toMatchObject({ stored: CANDIDATES, failed: 0 });
  });
});

describe("verify", () => {
  it("finds a changed image, a missing image, and a changed shard", async () => {
    const made = open();
    await succeed("run");
    expect((await succeed("verify")).stdout).toContain("All is well");

    const images = readdirSync(join(made.runs, "images"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".png"));
    const [first = "", second = ""] = images.map((name) => join(made.runs, "images", name));
    const bytes = readFileSync(first);
    bytes[bytes.length - 20]! ^= 1;
    writeFileSync(first, bytes);
    rmSync(second);
    const shard = join(made.runs, "export/v1/data/train-00000-of-00001.jsonl");
    writeFileSync(shard, readFileSync(shard, "utf8").replace("fox", "cat"));

    const { exit, stdout } = await cli("verify");
    expect(exit).toBe(3);
    for (const what of [first, second, "v1/data/train-00000-of-00001.jsonl"]) expect(stdout).toContain(what);
    expect(stdout).toMatch(/\d problems/);
    expect(stdout).toMatch(/Try: pnpm pipeline retry --stage harvest --id i_[0-9a-f]+ -c \S+ \(once for each such image\), then/);
    const unknown = await cli("verify", "v7");
    expect(unknown.exit).toBe(2);
    expect(unknown.stderr).toContain("Try: one of v1");
  });

  it("names a way back for a lost and a damaged image that works, whether or not the server still has them", async () => {
    const made = open();
    await succeed("run");
    const before = made.exported();
    const ids = made.column("select image_id from images order by image_id").map(String);
    const [lost = "", damaged = "", remade = "", whole = ""] = ids;
    const fileOf = (id: string): string => join(made.runs, "images/images", id.slice(2, 5), `${id}.png`);
    rmSync(fileOf(lost));
    writeFileSync(fileOf(damaged), "damaged");
    rmSync(fileOf(remade));
    const column = (name: string): string => String(made.column(`select ${name} from images where image_id = '${remade}'`)[0]);
    expect(emulator.deleteFile(column("filename"), column("subfolder"), "output")).toBe(true);
    for (const id of [lost, damaged, remade])
      expect((await succeed("retry", "--stage", "harvest", "--id", id)).stdout).toContain("1 stored image is fetched");
    expect((await succeed("retry", "--stage", "harvest", "--id", whole)).stderr).toContain("nothing to put back");
    await succeed("run");
    expect((await succeed("verify")).stdout).toContain("All is well");
    expect(made.exported()).toEqual(before);
  });
});

describe("report", () => {
  it("is one HTML page with the images in it", async () => {
    const made = open();
    await succeed("run");
    await succeed("report");
    const html = readFileSync(join(made.runs, "report.html"), "utf8");
    expect(html).toContain(PROMPTS[0]);
    expect(html).toContain('src="data:image/');
    expect(html).not.toMatch(/(?:src|href)="(?!data:|#)/);
  });
});

describe("init and check", () => {
  it("init writes a configuration that check accepts and run takes", async () => {
    const made = open();
    const config = join(made.dir, "configs/mine.yaml");
    const init = ["init", join(made.dir, "workflow.json"), "--prompts-file", join(made.dir, "prompts.txt"), "--out", config];
    const { exit, stdout, stderr } = await runCli(init);
    expect(exit, stderr).toBe(0);
    expect(stdout).toContain(`pnpm pipeline check -c ${config}`);
    const [schemaLine = ""] = readFileSync(config, "utf8").split("\n", 1);
    const schema = /^# yaml-language-server: \$schema=(.+)$/.exec(schemaLine)?.[1] ?? "";
    expect(existsSync(join(dirname(config), schema)), schemaLine).toBe(true);
    writeFileSync(config, readFileSync(config, "utf8").replace("http://127.0.0.1:8188", emulator.url));
    const checked = await runCli(["check", "-c", config]);
    expect(checked.exit, checked.stdout).toBe(0);
    expect(existsSync(join(made.dir, "runs")), "check leaves nothing").toBe(false);
    const dry = await runCli(["generate", "--dry-run", "-c", config]);
    expect(dry.stdout).toContain("4 prompts (0 duplicates) × 4 seeds × 1 variant = 16 candidates");

    const again = await runCli(init);
    expect(again.exit).toBe(2);
    expect(again.stderr).toContain("never overwrites");
  });

  it("init takes an image, and says that it wrote the workflow", async () => {
    const made = open();
    await succeed("run", "--prompts", "1");
    const [uri = ""] = made.column("select uri from image_index limit 1").map(String);
    const out = join(made.dir, "from-image.yaml");
    const { exit, stdout, stderr } = await runCli(["init", fileURLToPath(uri), "--out", out]);
    expect(exit, stderr).toBe(0);
    expect(stdout).toContain(`${join(made.dir, "workflows/from-image.json")} (the workflow)`);
    expect((await runCli(["init", "--help"])).stdout).toContain("default configs/mine.yaml");
  });

  it("init takes an image whose graph holds Python's NaN, and run sends and stores what holds it", async () => {
    const made = open();
    const out = join(made.dir, "from-nan.yaml");
    const image = join(import.meta.dirname, "../fixtures/python-json/nan_in_prompt.png");
    const { exit, stderr } = await runCli(["init", image, "--out", out]);
    expect(exit, stderr).toBe(0);
    expect(readFileSync(join(made.dir, "workflows/from-nan.json"), "utf8")).not.toContain("is_changed");
    const workflow = join(made.dir, "workflow.json");
    writeFileSync(workflow, readFileSync(workflow, "utf8").replace('"steps":', '"spare": [NaN, Infinity, -Infinity], "steps":'));
    const result = await runCli(["run", "-c", made.config, "--json"]);
    expect(result.events.at(-1), result.stderr).toMatchObject({ exit: 0, rejected: 0, failed: 0 });
    const [uri = ""] = made.column("select uri from image_index join images using (image_id) where unproven = 0 limit 1").map(String);
    expect(readFileSync(fileURLToPath(uri), "latin1")).toContain('"spare": [NaN, Infinity, -Infinity]');
    // Once more from what was stored, and from history.
    const again = await runCli(["init", fileURLToPath(uri), "--out", join(made.dir, "again.yaml")]);
    expect(again.exit, again.stderr).toBe(0);
    expect(readFileSync(join(made.dir, "workflows/again.json"), "utf8")).toMatch(/NaN,\s+Infinity,\s+-Infinity/);
    expect((await runCli(["run", "-c", made.config, "--json"])).exit).toBe(0);
  });

  it("init takes the newest prompt of a server", async () => {
    const made = open({ harvest: { delete_history: false } });
    await succeed("run", "--prompts", "1");
    const config = join(made.dir, "from-server.yaml");
    const { exit, stderr } = await runCli(["init", "--server", emulator.url, "--out", config]);
    expect(exit, stderr).toBe(0);
    expect(readFileSync(config, "utf8")).toContain('seed: "4.seed"');
  });

  it("check names what is wrong: a server that is off, a checkpoint that it does not have", async () => {
    const made = open({ servers: [{ url: "http://127.0.0.1:9" }, { url: emulator.url }] });
    const file = join(made.dir, "workflow.json");
    writeFileSync(file, readFileSync(file, "utf8").replace("v1-5-pruned-emaonly.safetensors", "v1-5-pruned-emaonlyy.safetensors"));
    const { exit, stdout } = await cli("check");
    expect(exit).toBe(1);
    expect(stdout).toMatch(/FAIL +http:\/\/127\.0\.0\.1:9 /);
    expect(stdout).toMatch(/v1-5-pruned-emaonlyy\.safetensors.*v1-5-pruned-emaonly\.safetensors/);
  });
});

describe("annotate import", () => {
  it("takes votes of people, which then decide", async () => {
    const made = open();
    await succeed("run");
    const [row] = made.rows() as readonly { chosen: { image_id: string }; rejected: readonly { image_id: string }[] }[];
    const [loser] = row!.rejected;
    const votes = join(made.dir, "votes.jsonl");
    const images = [row!.chosen.image_id, loser!.image_id];
    writeFileSync(votes, `${JSON.stringify({ vote_id: "1", annotator: "ann", images, choice: loser!.image_id })}\n`);
    expect((await succeed("annotate", "import", votes)).stdout).toContain("1 vote imported");
    expect((await succeed("annotate", "import", votes)).stdout).toContain("1 was there already");
    const exported = await succeed("export");
    expect(exported.stderr).toMatch(/Warning: 3 prompts have no votes that decide, and no row: .*\(quality\).*annotate serve -c /);
    const decided = made.rows("v2").filter((next) => next["source"] === "people");
    expect(decided).toHaveLength(1);
    expect(decided[0]).toMatchObject({ chosen: { image_id: loser!.image_id }, n_votes: 1, agreement: 1 });

    writeFileSync(votes, '{"vote_id":"2"}\nnothing\n');
    const bad = await cli("annotate", "import", votes);
    expect(bad.exit).toBe(2);
    expect(bad.stderr).toContain("votes.jsonl:1: bad-shape: annotator is missing, expected text of 1 to 200 characters");
    expect(bad.stderr).toMatch(/^Error: Cannot import .*: 2 lines cannot be imported \(1 bad-shape, 1 not-json\), so nothing was$/m);
    expect(bad.stderr).toContain(`annotate import ${votes} --skip-bad -c ${made.config}`);
    expect((await cli("annotate", "import", votes, "--skip-bad")).exit).toBe(3);
  });
});

describe("annotate export-tasks", () => {
  it("asks for votes, which come back and decide", async () => {
    const made = open();
    await succeed("run");
    const tasks = join(made.dir, "tasks.json");
    const asked = await succeed("annotate", "export-tasks", "--format", "label-studio", "--task", "pair", "--out", tasks);
    expect(asked.stdout).toContain("12 tasks in ");
    expect(readFileSync(tasks, "utf8")).toMatch(/"image1":"https:\/\/data\.example\/set\/[^"]*\/i_[0-9a-f]{32}\.png"/);
    const unserved = await succeed("annotate", "export-tasks", "--format", "argilla", "--uri-base", "", "--prompts", "2");
    expect(unserved.stderr).toContain("--uri-base http://");
    expect(unserved.stdout).toContain("2 tasks in ");
    expect(readFileSync(join(made.dir, "tasks.config.xml"), "utf8")).toContain('<Image name="image2" value="$image2" />');
    const answers = (JSON.parse(readFileSync(tasks, "utf8")) as object[]).map((task, id) => ({
      id,
      ...task,
      annotations: [
        { id, completed_by: 1, result: [{ from_name: "outcome", to_name: "image1", type: "choices", value: { choices: ["image1"] } }] },
      ],
    }));
    writeFileSync(tasks, JSON.stringify(answers));
    expect((await succeed("annotate", "import", tasks)).stdout).toContain("12 votes imported");
    expect((await succeed("annotate", "export-tasks", "--task", "pair")).stdout).toContain("No tasks");
    await succeed("export");
    expect(made.rows("v2").every((row) => row["source"] === "people")).toBe(true);
    for (const [args, message] of [
      [["annotate", "export-tasks", "--skip-bad"], "Cannot use --skip-bad with annotate export-tasks"],
      [["annotate", "import", tasks, "--uri-base", "x"], "only annotate export-tasks uses it"],
      [["annotate", "--format", "argilla"], "only annotate import and annotate export-tasks use it"],
      [["annotate", "export-tasks", "--uri-base", "https://x/?sig=1"], "Signed links expire"],
      [["annotate", "export-tasks", "--uri-base", "https://me:secret@x/"], "user or password"],
      [["annotate", "export-tasks", "--prompts", "none"], "expected a whole number"],
    ] as const) {
      const refused = await cli(...args);
      expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining(message)]);
      expect(refused.stderr).not.toContain("secret");
    }
    const { exit, stderr } = await cli("annotate", "import", tasks, "--format", "labelstudio");
    expect(exit).toBe(2);
    expect(stderr).toContain('did you mean "label-studio"');
  });
});

describe("a promised command or option", () => {
  it.each([["worker", "--port", "1"]])("%s %s says that it comes later", async (...args) => {
    open();
    const { exit, stderr } = await cli(...args);
    expect(exit).toBe(2);
    expect(stderr).toContain("comes with a later version");
  });

  it("is no excuse for a slip of the pen", async () => {
    open();
    expect((await cli("export", "--hots", "x")).stderr).toContain("unknown option");
    expect((await cli("export", "dif")).stderr).toContain("the only action is diff");
  });
});
