import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { answering, judgingAll, imagesOf, scoringAll, startStandIn, type Respond } from "../../helpers/stand-ins/judge-stand-in.ts";
import { runCli, startCli } from "../../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// Judges behind HTTP, from the configuration to the rows: real servers in this process, the CLI in its own.

const SECRET = "sk-do-not-tell-4242";
const HEADERS = { authorization: "Bearer ${JUDGE_KEY}" };
const env = { JUDGE_KEY: SECRET };
const POLL = { timeout: 20_000, interval: 10 };
const IMAGES = PROMPTS.length * 3;

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator({ port: 0, execMs: 1 });
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const open = (...judges: readonly object[]): Project => (project = makeProject({ servers: [emulator.url], config: annotate(...judges) }));
const annotate = (...judges: readonly object[]) => ({ annotate: { judges, filters: { near_duplicate: 0 } } });
const pick = (url: string, more: object = {}) => ({ name: "pick", kind: "http", url: `${url}/score`, headers: HEADERS, ...more });
const vlm = (url: string, more: object = {}) => ({
  name: "vlm",
  kind: "openai",
  url: `${url}/v1`,
  model: "stand-in-vl",
  headers: HEADERS,
  ...more,
});
const cli = (command: string, ...more: readonly string[]) => runCli([command, "-c", project.config, ...more], { env });

describe("an http judge", () => {
  it("decides rows in a run, and stores its key nowhere", async () => {
    await using server = await startStandIn(scoringAll);
    open(pick(server.url), { name: "quality", kind: "builtin" });
    const { exit, stdout, stderr } = await cli("run");
    expect(exit, stderr).toBe(0);
    expect(server.seen).toHaveLength(PROMPTS.length);
    expect(server.seen[0]?.headers["authorization"]).toBe(`Bearer ${SECRET}`);
    const rows = project.rows();
    expect(rows).toHaveLength(PROMPTS.length);
    for (const row of rows)
      expect(row).toMatchObject({ source: "judge:pick", rejected: [{}, {}], chosen: { scores: expect.stringContaining("quality") } });
    const database = readFileSync(join(project.runs, "pipeline.db"));
    for (const place of [stdout, stderr, database.toString("latin1"), JSON.stringify(rows)]) expect(place).not.toContain(SECRET);

    const status = await cli("status");
    for (const judge of ["pick", "quality"])
      expect(status.stdout).toMatch(new RegExp(`^judge +${judge} \\(.+\\) scored ${IMAGES} of ${IMAGES} stored images$`, "m"));
    expect(status.stdout).toMatch(new RegExp(`^pairs +main: ${PROMPTS.length} rows linked$`, "m"));
    expect(status.stdout).not.toMatch(/^votes/m);
  });

  it("gives the same bytes after kill -9 in the middle, and repeats no request whose answer was written", async () => {
    await using server = await startStandIn(scoringAll);
    open(pick(server.url));
    expect((await cli("run")).exit).toBe(0);
    const wanted = project.exported();
    project.remove();

    let held: (() => void) | undefined;
    const waits = new Promise<void>((resolve) => (held = resolve));
    const slow: Respond = (seen, response) => void waits.then(() => scoringAll(seen, response));
    await using second = await startStandIn(scoringAll, scoringAll, slow);
    open(pick(second.url, { concurrency: 1 }));
    const running = startCli(["run", "-c", project.config], { env });
    await expect.poll(() => project.count("select count(*) from scores"), POLL).toBe(6);
    await expect.poll(() => second.seen.length, POLL).toBe(3);
    running.child.kill("SIGKILL");
    await running.result;
    held?.();
    const { exit, stderr } = await cli("run");
    expect(exit, stderr).toBe(0);
    expect(second.seen).toHaveLength(PROMPTS.length + 1);
    expect(project.exported()).toEqual(wanted);
  });

  it("scores again under a new version, estimates the cost before, and links by that version alone", async () => {
    await using server = await startStandIn(scoringAll);
    open(pick(server.url));
    expect((await cli("run")).exit).toBe(0);
    project.configure(annotate(pick(server.url, { version: "2" })));
    const before = server.seen.length;
    const { events, exit } = await cli("judge", "--dry-run", "--json");
    expect(exit).toBe(0);
    expect(events).toContainEqual({
      event: "would_judge",
      judge: "pick",
      version: "2",
      groups: PROMPTS.length,
      images: IMAGES,
      requests: PROMPTS.length,
      scored: 0,
      scored_before: { 1: IMAGES },
    });
    expect((await cli("judge", "--dry-run")).stdout).toContain(
      `judge pick (version 2): 4 groups, 12 images, at least 4 requests; 12 images scored by version 1, kept`,
    );
    expect(server.seen).toHaveLength(before);
    const unlinked = await cli("link", "--json");
    expect(unlinked.events.at(-1), "no score of this version yet").toMatchObject({ rows: 0 });
    expect((await cli("judge")).exit).toBe(0);
    expect(project.column("select version || ' ' || count(*) from scores group by version")).toEqual([`1 ${IMAGES}`, `2 ${IMAGES}`]);
    expect((await cli("link", "--json")).events.at(-1)).toMatchObject({ rows: PROMPTS.length });
  });

  it("that refuses requests does not end a run: images are stored, the last lines say what is missing, and a later run continues", async () => {
    await using server = await startStandIn(
      (seen, response) => answering(`no access with ${String(seen.headers["authorization"])}`, { status: 403 })(seen, response),
      scoringAll,
    );
    open(pick(server.url, { concurrency: 1 }), { name: "quality", kind: "builtin" });
    const { exit, stderr, stdout, events } = await cli("run", "--json");
    expect(exit, stderr).toBe(3);
    expect(events.at(-1)).toMatchObject({ event: "done", exit: 3, stored: IMAGES, pending: 0, rows: 0 });
    expect(stderr).toMatch(/Cannot score 3 images with pick at http:\S+\/score: 403 Forbidden: no access with \*\*\*/);
    expect(stderr).toContain("Try: the server asks for credentials: set the headers of the judge pick");
    expect(stderr).toContain("This run continues without pick");
    expect(stderr).toContain("4 prompts are not judged yet");
    expect(stderr).toMatch(/Judging is not complete: pick could not be asked\. .*run.* asks for what is missing/);
    expect(stderr + stdout).not.toContain(SECRET);
    expect(project.count("select count(*) from scores where judge = 'quality'")).toBe(IMAGES);
    const again = await cli("run");
    expect(again.exit, again.stderr).toBe(0);
    expect(project.rows()).toHaveLength(PROMPTS.length);
  });

  it("without all of its scores marks the exported version as incomplete", async () => {
    await using server = await startStandIn(scoringAll, answering("no money left", { status: 402 }), scoringAll);
    open(pick(server.url, { concurrency: 1 }));
    expect((await cli("run")).exit).toBe(3);
    const manifest = (version: string): unknown => JSON.parse(readFileSync(join(project.runs, "export", version, "manifest.json"), "utf8"));
    expect(project.rows()).toHaveLength(1);
    expect(manifest("v1")).toMatchObject({ complete: false });
    await cli("export", "--as", "early");
    expect(manifest("early")).toMatchObject({ complete: false });
    const judged = await cli("judge");
    expect(judged.exit, judged.stderr).toBe(0);
    expect((await cli("export")).exit).toBe(0);
    expect(manifest("v2")).toMatchObject({ complete: true });
  });

  it("that refuses requests ends the command judge with the server's message", async () => {
    await using server = await startStandIn(answering("not you", { status: 403 }));
    open({ name: "quality", kind: "builtin" });
    expect((await cli("run")).exit).toBe(0);
    project.configure(annotate(pick(server.url)));
    const { exit, stderr } = await cli("judge");
    expect(exit, stderr).toBe(1);
    expect(stderr).toContain("403 Forbidden: not you");
  });

  it("is retried after temporary failures", async () => {
    await using server = await startStandIn(
      answering("busy", { status: 429, headers: { "retry-after": "0" } }),
      (_seen, response) => void response.destroy(),
      answering("<html>"),
      answering({ scores: [] }),
      scoringAll,
    );
    open(pick(server.url, { concurrency: 1 }));
    const { exit, stderr } = await cli("run");
    expect(exit, stderr).toBe(0);
    expect(project.rows()).toHaveLength(PROMPTS.length);
  });
});

describe("an openai judge", () => {
  it("compares the best and the worst image of another judge in both orders, and stores the answers", async () => {
    await using scorer = await startStandIn(scoringAll);
    await using model = await startStandIn(judgingAll);
    open(pick(scorer.url), { ...vlm(model.url), mode: "pairwise" });
    project.configure({
      annotate: {
        judges: [pick(scorer.url), { ...vlm(model.url), mode: "pairwise" }],
        filters: { near_duplicate: 0 },
        pairs: { from: ["vlm"] },
      },
    });
    const { exit, stderr } = await cli("run");
    expect(exit, stderr).toBe(0);
    expect(stderr).toContain("vlm: 8 requests, 800 tokens asked and 40 answered");
    expect(model.seen).toHaveLength(2 * PROMPTS.length);
    const [first, second] = model.seen.slice(0, 2).map((seen) => imagesOf(seen).map((bytes) => bytes.length));
    expect(first).toHaveLength(2);
    expect(second).toHaveLength(2);
    for (const row of project.rows()) expect(row).toMatchObject({ source: "judge:vlm", margin: 1, rejected: [{ score: 0 }] });
    expect(project.count("select count(*) from scores where judge = 'vlm' and score is null")).toBe(PROMPTS.length);
    expect(project.count("select count(*) from scores where judge = 'vlm' and raw like '%better%'")).toBe(2 * PROMPTS.length);
    const status = await cli("status");
    expect(status.stdout).toContain("8 judge requests");
    expect((await cli("status", "--json")).events[0]).toMatchObject({ counters: { judge_requests: 8, judge_prompt_tokens: 800 } });
  });

  it("stays within max_requests in every run, reports what waits, and ends once everything is judged", async () => {
    await using model = await startStandIn(judgingAll);
    open(vlm(model.url, { max_requests: 7 }));
    const exits: (number | null)[] = [];
    const asked: number[] = [];
    for (const command of ["run", "judge", "judge"]) {
      const before = model.seen.length;
      const { exit, stderr } = await cli(command);
      exits.push(exit);
      asked.push(model.seen.length - before);
      expect(stderr.includes("vlm: max_requests is reached"), stderr).toBe(exit === 3);
    }
    expect({ exits, asked }).toEqual({ exits: [3, 0, 0], asked: [6, 6, 0] });

    // Other questions: all of it anew.
    project.configure(annotate(vlm(model.url, { max_requests: 5, max_side: 512 })));
    const { events, stdout } = await cli("judge", "--dry-run", "--json");
    expect(events, stdout).toContainEqual(
      expect.objectContaining({ event: "would_judge", requests: IMAGES, max_requests: 5, runs: PROMPTS.length, groups_too_large: 0 }),
    );
    expect((await cli("judge", "--dry-run")).stdout).toContain("at least 12 requests, in 4 runs (max_requests: 5)");
    const cut = await cli("judge", "--dry-run", "--prompts", "2");
    expect(cut.exit).toBe(2);
    expect(cut.stderr).toContain("Cannot use --prompts with judge --dry-run: it counts what is planned");
  });

  it("with a max_requests too small for any group is reported by check and by judge --dry-run", async () => {
    await using model = await startStandIn(judgingAll);
    open({ name: "quality", kind: "builtin" });
    expect((await cli("run")).exit).toBe(0);
    project.configure(annotate(vlm(model.url, { mode: "pairwise", pairs: "all", max_requests: 5 })));
    expect((await cli("judge", "--dry-run")).stdout).toContain(
      "at least 24 requests; 4 of the groups cannot be judged: a group takes up to 6 requests, and max_requests is 5",
    );
    const check = await cli("check");
    expect(check.exit).toBe(1);
    expect(check.stdout).toMatch(/ok +judge vlm +version stand-in-vl pairwise/);
    expect(check.stdout).toMatch(
      /FAIL +judge vlm +Cannot score 3 candidates of a prompt: that takes 6 requests, and max_requests is 5: raise max_requests/,
    );
    project.configure(annotate(vlm(model.url, { mode: "pairwise", pairs: "all", max_requests: 6 })));
    expect((await cli("check")).exit).toBe(0);
    expect((await cli("judge", "--dry-run")).stdout).toContain("at least 24 requests, in 4 runs (max_requests: 6)");
  });
});

describe("check", () => {
  it("reports for each judge whether it answers, as what, and how it compares, without an image", async () => {
    await using scorer = await startStandIn(scoringAll);
    await using model = await startStandIn(judgingAll);
    open({ name: "quality", kind: "builtin" }, pick(scorer.url), vlm(model.url, { mode: "pairwise" }), {
      ...vlm(model.url),
      name: "other",
      model: "stand-in",
    });
    const { exit, stdout } = await cli("check");
    expect(exit).toBe(1);
    expect(stdout).toMatch(/ok +judge quality +version 1, a technical score/);
    expect(stdout).toMatch(/ok +judge pick +version 1, a preference score, http:\S+\/score answers as stand-in/);
    expect(stdout).toMatch(
      /ok +judge vlm +version stand-in-vl pairwise \w{12} top-bottom by pick@1, compares the best and the worst of a group by pick, http:\S+ serves/,
    );
    expect(stdout).toMatch(/FAIL +judge other +.*it serves no model "stand-in"; there is stand-in-vl/);
    expect(scorer.seen.map(({ body }) => body)).toEqual(['{"prompt":"","images":[]}']);
    expect(model.seen.every(({ method }) => method === "GET")).toBe(true);
  });

  it("reports a judge that is away, and a question file that is missing", async () => {
    open(pick("http://127.0.0.1:9"));
    const away = await cli("check");
    expect(away.exit).toBe(1);
    expect(away.stdout).toMatch(/FAIL +judge pick +Cannot POST http:\/\/127\.0\.0\.1:9\/score: connection refused; nothing listens there/);
    project.configure(annotate(vlm("http://127.0.0.1:9", { prompt_file: "none.txt" })));
    expect((await cli("check")).stdout).toMatch(
      /FAIL +judges +Cannot read the question of the judge vlm from \S+none\.txt: there is no such file/,
    );
    expect((await cli("run")).exit, "before anything is made").toBe(2);
  });
});
