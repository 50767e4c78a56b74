import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { startFaultProxy, type Fault, type FaultProxy } from "../../helpers/stand-ins/fault-proxy.ts";
import { runCli, type CliResult } from "../../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "../project.ts";

// Servers that answer some questions well and others badly: one poison job fails alone, and no run goes on for ever. Progress decides.

const SEEDS = 2;
const POISON = "a poison prompt";
const ALL = [...PROMPTS, POISON];
const GOOD = PROMPTS.length * SEEDS;
const MAX_ATTEMPTS = 2;
const GIVE_UP_S = 4;
const GENERATE = { max_attempts: MAX_ATTEMPTS, stall_timeout_s: 3, probe_after_s: 1, give_up_s: GIVE_UP_S };
/** Beyond `give_up_s` a run may need so long to end, ms. The longest back-off of a server is 15 s. */
const ENDS_WITHIN_MS = (GIVE_UP_S + 30) * 1_000;

const emulators: Emulator[] = [];
const proxies: FaultProxy[] = [];
let project: Project;
afterEach(async () => {
  project.remove();
  await Promise.all(proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
  await Promise.all(emulators.splice(0).map((emulator) => emulator.stop()));
});

/** So many servers, each behind a proxy that answers as `fault` says. */
async function open(fault: Fault, { servers = 1, prompts = ALL, giveUpS = GIVE_UP_S, passesEvents = true } = {}): Promise<void> {
  for (let index = 0; index < servers; index++) {
    const emulator = await startEmulator({ execMs: 5 });
    emulators.push(emulator);
    proxies.push(await startFaultProxy(emulator.url, fault, { passesEvents }));
  }
  project = makeProject({
    servers: proxies.map(({ url }) => url),
    prompts,
    config: {
      generate: { ...GENERATE, give_up_s: giveUpS },
      candidates: { per_prompt: SEEDS, variants: [{ name: "base", set: { width: 64, height: 64 } }] },
    },
  });
}

async function run(command = "run"): Promise<CliResult & { readonly tookMs: number }> {
  const startMs = performance.now();
  const result = await runCli([command, "-c", project.config, "--json"]);
  return { ...result, tookMs: performance.now() - startMs };
}

const last = ({ events }: CliResult) => events.at(-1);
const executed = (): number => emulators.reduce((sum, { stats }) => sum + stats.executed, 0);
const answer =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse): true => {
    response.writeHead(status, { "content-type": "text/html", ...headers }).end(body);
    return true;
  };
const drop = (response: ServerResponse): true => {
  response.destroy();
  return true;
};
// A page as firewalls send it.
const PAGE = "<html><head><title>Blocked by policy</title></head></html>";

/** What a firewall, a proxy or a handler that raises answers to POST /prompt. */
const REFUSALS: readonly (readonly [name: string, answer: (response: ServerResponse) => true, words: RegExp])[] = [
  ["307", answer(307, "", { location: "https://login.example/?token=secret" }), /307, it redirects to https:\/\/login\.example/],
  ["400 with HTML", answer(400, PAGE), /400 Bad Request: Blocked by policy/],
  ["400 with a firewall's JSON", answer(400, '{"error":"forbidden words"}'), /400 Bad Request: .*forbidden words/],
  ["403", answer(403, PAGE), /403 Forbidden: Blocked by policy/],
  ["406", answer(406, PAGE), /406 Not Acceptable: Blocked by policy/],
  ["500 of ComfyUI", answer(500, "500 Internal Server Error\n\nServer got itself in trouble"), /500: ComfyUI raised an exception/],
];

describe("one job that is refused while others are served", () => {
  it.each(REFUSALS)("by %s fails alone, with status and words; the server keeps its other jobs", async (_, refuse, words) => {
    await open(({ what, body }, response) => what === "POST /prompt" && body.includes(POISON) && refuse(response));
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: GOOD, failed: SEEDS, rejected: 0 });
    expect(project.column("select distinct reason from jobs where state = 'failed'")).toEqual(["submit-refused"]);
    expect(result.stderr).toMatch(words);
    expect(String(project.column("select detail from jobs where state = 'failed'")[0])).toMatch(words);
    expect(project.count("select max(attempt) from jobs")).toBe(MAX_ATTEMPTS);
    expect(result.stdout + result.stderr).not.toContain("secret");
    expect(result.tookMs).toBeLessThan(ENDS_WITHIN_MS);
  });

  it("by 403 on each of three servers takes none of them out", async () => {
    await open(({ what, body }, response) => what === "POST /prompt" && body.includes(POISON) && answer(403, PAGE)(response), {
      servers: 3,
    });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: GOOD, failed: SEEDS });
    expect(result.stderr).not.toMatch(/Going on without|left alone|does not answer/);
  });

  it("credentials that expire at night for every POST end the run with that cause, and cost no job", async () => {
    let posts = 0;
    await open(({ what }, response) => {
      if (what === "POST /prompt") posts++;
      return posts > 4 && what.startsWith("POST ") && answer(401, PAGE)(response);
    });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 1 });
    expect(result.stderr).toMatch(/asks for credentials/);
    expect(project.count("select count(*) from jobs where state = 'failed'")).toBe(0);
  });

  it("by 503 again and again fails alone where others are taken meanwhile", async () => {
    const prompts = [POISON, ...Array.from({ length: 20 }, (_, index) => `prompt ${index}`)];
    await open(({ what, body }, response) => what === "POST /prompt" && body.includes(POISON) && answer(503, "")(response), { prompts });
    for (const emulator of emulators) emulator.setFaults("slow:60");
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: 40, failed: SEEDS });
  });

  it.each([
    ["500", answer(500, "oops")],
    ["an answer without an end", endless],
  ])("by %s for its history fails alone, and is made no more than max_attempts times", async (_, refuse) => {
    const poisoned = new Set<string>();
    const fault: Fault = ({ what, body }, response) => {
      if (what === "POST /prompt" && body.includes(POISON)) poisoned.add((JSON.parse(body) as { prompt_id: string }).prompt_id);
      return poisoned.has(what.replace("GET /history/", "")) && refuse(response);
    };
    await open(fault, { giveUpS: 20 }); // 64 MiB take a while on a busy machine.
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: GOOD, failed: SEEDS });
    expect(executed()).toBeLessThanOrEqual(GOOD + SEEDS * MAX_ATTEMPTS);
  });

  it("once by 500, of a variant that the server has taken before, costs nothing", async () => {
    let posts = 0;
    const fault = answer(500, "500 Internal Server Error\n\nServer got itself in trouble");
    await open(({ what }, response) => what === "POST /prompt" && ++posts === 3 && fault(response));
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: ALL.length * SEEDS, failed: 0 });
  });

  it("once by ComfyUI's own 400, of a variant that the server has taken before, costs nothing", async () => {
    let posts = 0;
    const errors = [{ type: "value_not_in_list", message: "Value not in list", details: "", extra_info: { input_name: "ckpt_name" } }];
    const body = { error: { type: "invalid", message: "m", details: "" }, node_errors: { 4: { errors, class_type: "Loader" } } };
    await open(({ what }, response) => what === "POST /prompt" && ++posts === 4 && answer(400, JSON.stringify(body))(response));
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: ALL.length * SEEDS, failed: 0 });
  });
});

it("ComfyUI's complaints about a thousand nodes are five, and how many more, wherever they are told", async () => {
  const errors = [{ type: "x", message: "Value not in list", details: "x".repeat(1_000), extra_info: {} }];
  const nodes = Array.from({ length: 5_000 }, (_, id) => [String(id), { errors, class_type: "Loader", dependent_outputs: [] }]);
  const body = JSON.stringify({ error: { type: "invalid", message: "m", details: "" }, node_errors: Object.fromEntries(nodes) });
  await open(({ what }, response) => what === "POST /prompt" && answer(400, body)(response), { prompts: PROMPTS });
  const result = await run("generate");
  expect(result.exit).toBe(3);
  expect(result.stderr).toContain("and 4995 more complaints");
  expect(result.stderr.length + result.stdout.length).toBeLessThan(40_000);
  expect(project.count("select max(length(detail)) from jobs")).toBeLessThan(4_000);
});

describe("a server that answers GETs and takes no job", () => {
  it.each(REFUSALS)("(%s) ends the run, and each job after max_attempts", async (_, refuse, words) => {
    await open(({ what }, response) => what === "POST /prompt" && refuse(response));
    const result = await run();
    expect([1, 3], result.stderr).toContain(result.exit);
    expect(result.stderr).toMatch(words);
    expect(proxies[0]!.counts.get("POST /prompt")).toBeLessThanOrEqual(ALL.length * SEEDS * MAX_ATTEMPTS);
    expect(executed()).toBe(0);
    expect(result.tookMs).toBeLessThan(ENDS_WITHIN_MS);
  });

  it("and asks for credentials for every POST is blamed for that, and no job is", async () => {
    await open(({ what }, response) => what.startsWith("POST ") && answer(403, PAGE)(response));
    const result = await run();
    expect(result.exit).toBe(1);
    expect(result.stderr).toMatch(/403 Forbidden: Blocked by policy\nTry: the server asks for credentials/);
    expect(project.count("select count(*) from jobs where state = 'failed'")).toBe(0);
  });
});

describe("a server that is half dead", () => {
  it.each([
    ["answers 500 for every history", (what: string) => what.startsWith("GET /history"), answer(500, "oops")],
    ["answers 500 for its queue", (what: string) => what === "GET /queue", answer(500, "oops")],
    ["has no history", (what: string) => what.startsWith("GET /history"), answer(404, "")],
    ["cuts off every history", (what: string) => what.startsWith("GET /history"), drop],
  ])("%s: exit 1 after give_up_s with the last cause, and its log does not fill the disk", async (_, isHit, fault) => {
    await open(({ what }, response) => isHit(what) && fault(response));
    const result = await run("generate");
    expect(result.exit, result.stderr).toBe(1);
    expect(result.stderr).toMatch(/nothing was achieved for 4 s.*The last causes?: .*(?:history|queue)/);
    expect(result.stderr.split("\n").length).toBeLessThan(30);
    expect(result.tookMs).toBeLessThan(ENDS_WITHIN_MS);
    expect(project.count("select count(*) from jobs where state = 'failed'")).toBe(0);
  });

  it.each([
    { servers: 1, passesEvents: false },
    { servers: 3, passesEvents: true },
  ])(
    "has an empty history, whatever it ran ($servers, events: $passesEvents): no candidate is made more than max_attempts times",
    async (given) => {
      await open(({ what }, response) => what.startsWith("GET /history") && answer(200, "{}")(response), {
        ...given,
        prompts: [POISON],
        giveUpS: 15,
      });
      const result = await run("generate");
      expect(last(result), result.stderr).toMatchObject({ exit: 3, failed: SEEDS });
      expect(String(project.column("select distinct detail from jobs where state = 'failed'"))).toMatch(
        /had the job in its queue.*does not have it in its history/,
      );
      expect(executed()).toBe(SEEDS * MAX_ATTEMPTS);
    },
  );

  it("has no history of one job: that fails alone", async () => {
    const poisoned = new Set<string>();
    const fault: Fault = ({ what, body }, response) => {
      if (what === "POST /prompt" && body.includes(POISON)) poisoned.add((JSON.parse(body) as { prompt_id: string }).prompt_id);
      return poisoned.has(what.replace("GET /history/", "")) && answer(200, "{}")(response);
    };
    await open(fault, { giveUpS: 15, passesEvents: false });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: GOOD, failed: SEEDS });
    expect(executed()).toBe(GOOD + SEEDS * MAX_ATTEMPTS);
  });

  it("answers 500 for every history, beside two that are well: its jobs go to those", async () => {
    await open(() => false, { servers: 3, giveUpS: 12 });
    proxies[0]!.setFault(({ what }, response) => what.startsWith("GET /history") && answer(500, "oops")(response));
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: ALL.length * SEEDS, failed: 0 });
    expect(result.stderr).toMatch(/loses \d jobs? to other servers: it gave no good answer about its jobs for 3 s: .*500/);
  });

  it("has no POST /free and no GET /prompt: a lost file is made again all the same, no more than max_attempts times", async () => {
    await open(({ what }, response) => {
      if (what === "POST /free") return answer(404, "")(response);
      if (what === "GET /prompt") return answer(405, "405: Method Not Allowed")(response);
      return what === "GET /view" && answer(404, "")(response);
    });
    const result = await run();
    expect(last(result), result.stderr).toMatchObject({ exit: 3, stored: 0, failed: ALL.length * SEEDS });
    expect(project.column("select distinct reason from jobs where state = 'failed'")).toEqual(["lost-file"]);
    expect(executed()).toBeLessThanOrEqual(ALL.length * SEEDS * MAX_ATTEMPTS);
    expect(result.stderr).toContain("cannot be told to forget its cache");
    expect(result.tookMs).toBeLessThan(ENDS_WITHIN_MS);
  });
});

describe("a server whose /view never works", () => {
  it.each([
    ["302", answer(302, "", { location: "https://login.example/?next=%2Fview" }), /302, it redirects to https:\/\/login\.example/],
    ["a flood of headers", answer(200, "", { "x-flood": "x".repeat(100_000) }), /headers of its answer are longer/],
    ["403", answer(403, PAGE), /403 Forbidden: Blocked by policy/],
    ["500", answer(500, "oops"), /500 Internal Server Error: oops/],
    ["connections that are cut", drop, /the connection was/],
  ])("(%s) makes no candidate more than max_attempts times, and says the cause once", async (_, fault, words) => {
    await open(({ what }, response) => what === "GET /view" && fault(response));
    const result = await run();
    expect([1, 3], result.stderr).toContain(result.exit);
    expect(project.count("select count(*) from images where state = 'stored'")).toBe(0);
    expect(result.stderr).toMatch(words);
    expect(result.stderr).not.toMatch(/^http\S+ does not answer/m);
    expect(result.stderr.match(/does not give its images/g)?.length ?? 0).toBeLessThanOrEqual(1);
    expect(executed()).toBeLessThanOrEqual(ALL.length * SEEDS * MAX_ATTEMPTS);
    expect(result.tookMs).toBeLessThan(ENDS_WITHIN_MS);
  });
});

/** 200, and JSON that goes on and on. */
function endless(response: ServerResponse): true {
  response.writeHead(200, { "content-type": "application/json" });
  const piece = Buffer.alloc(1024 * 1024, " ");
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on("drain", more);
  response.write("{");
  more();
  return true;
}
