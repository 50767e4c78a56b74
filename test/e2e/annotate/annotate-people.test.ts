import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LeadAnswer, Task } from "../../../src/page/api.ts";
import { openSite, type Site } from "../../browser/site.ts";
import { joinPage } from "../../helpers/page-client.ts";
import { runCli, startCli, type CliResult } from "../../helpers/run-cli.ts";

const PROMPTS = Array.from({ length: 12 }, (_, index) => `image number ${index}`);

let site: Site;

beforeAll(async () => {
  site = await openSite({ prompts: PROMPTS, perPrompt: 2, people: { task: "pair", gold_rate: 0 } });
});

afterAll(() => site[Symbol.asyncDispose]());

const annotate = (...args: readonly string[]): Promise<CliResult> => runCli(["annotate", ...args, "-c", site.project.config]);
const json = async (...args: readonly string[]) => (await annotate(...args, "--json")).events;
const linked = (): number => site.project.count("select count(*) from preferences where source = 'people'");
const best = (task: Task, place = 0) => ({ kind: "best", best: task.images[place]!.slot }) as const;

describe("annotate serve", () => {
  it("turns votes into rows, and follows when a person is excluded, counted again, and forgotten", async () => {
    await site.serve();
    const ann = await joinPage(await site.invite("ann"));
    for (const task of await ann.tasks(10)) await ann.vote(task);
    ann.close();

    await site.succeed("link");
    expect(linked()).toBe(10);
    expect(await json("exclude", "ann")).toContainEqual(
      expect.objectContaining({ event: "annotator", annotator: "ann", excluded: true, votes: 10 }),
    );
    await site.succeed("link");
    expect(linked()).toBe(0);
    await site.succeed("annotate", "exclude", "ann", "--undo");
    await site.succeed("link");
    expect(linked()).toBe(10);

    const [told] = await json("forget", "ann");
    expect(told).toMatchObject({ event: "annotator", state: "forgotten", votes: 10 });
    expect(String(told!["annotator"])).toMatch(/^annotator-[0-9a-f]{8}$/);
    expect(site.project.column("select distinct annotator from votes")).toEqual([told!["annotator"]]);
    await site.succeed("link");
    expect(linked()).toBe(10);
    await site.kill();
  });

  it("has every confirmed vote exactly once after kill -9, and continues with the same links", async () => {
    const link = await site.serve();
    const bo = await joinPage(await site.invite("bo"));
    const cy = await joinPage(link);
    const before = site.project.count("select count(*) from votes");
    const confirmed = new Set<string>();
    const sent: { task: Task; voteId: string }[] = [];
    const work = async (client: typeof bo): Promise<void> => {
      for (const task of await client.tasks(1)) {
        for (let turn = 0; ; turn++) {
          const voteId = randomUUID();
          sent.push({ task, voteId });
          const { results } = await client.vote(task, best(task, turn % 2), voteId);
          if (results[0]?.kind === "confirmed") confirmed.add(voteId);
          await client.post("/api/votes", { entries: [{ kind: "undo", vote_id: voteId }] });
        }
      }
    };
    const working = Promise.allSettled([work(bo), work(cy)]);
    while (confirmed.size < 20) await new Promise((resolve) => setImmediate(resolve));
    await site.kill();
    await working;
    const there = new Set(site.project.column("select vote_id from votes where source = 'page'").map(String));
    expect([...confirmed].filter((voteId) => !there.has(voteId))).toEqual([]);
    expect(site.project.count("select count(*) from votes") - before).toBeLessThanOrEqual(sent.length);

    expect(await site.serve()).toBe(link);
    const last = sent.at(-1)!;
    const again = [await bo.vote(last.task, best(last.task), last.voteId), await cy.vote(last.task, best(last.task), last.voteId)];
    expect(again.flatMap(({ results }) => results)).toHaveLength(2);
    expect(site.project.count(`select count(*) from votes where vote_id = '${last.voteId}'`)).toBeLessThanOrEqual(1);
    const numbers = (await cy.ask("/api/lead")).json() as LeadAnswer;
    expect(numbers.annotators.map(({ annotator }) => annotator)).toEqual(["lead", expect.stringMatching(/^annotator-/), "bo"]);
    bo.close();
    cy.close();
    await site.kill();
  });

  it("ends cleanly on Ctrl-C, runs beside judge and link, and refuses a second server", async () => {
    const server = startCli(["annotate", "serve", "-c", site.project.config, "--json"]);
    await new Promise<void>((resolve) => server.child.stdout!.on("data", () => server.output().includes('"serving"') && resolve()));
    expect((await annotate()).exit).toBe(0);
    const second = await annotate("serve", "--port", "0");
    expect([second.exit, second.stderr]).toEqual([1, expect.stringContaining(`process ${server.child.pid} is already doing it`)]);
    server.child.kill("SIGINT");
    const { exit, events } = await server.result;
    expect(exit).toBe(0);
    expect(events.map(({ event }) => event)).toEqual(["serving", "done"]);
  });

  it("opens to a network only behind TLS or with --insecure", async () => {
    const refused = await annotate("serve", "--host", "0.0.0.0");
    expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining("unencrypted")]);
    const server = startCli(["annotate", "serve", "-c", site.project.config, "--host", "0.0.0.0", "--insecure", "--port", "0"]);
    await new Promise<void>((resolve) => server.child.stdout!.on("data", () => server.output().includes("/join/") && resolve()));
    expect(server.output()).toContain("The page is open to the network on 0.0.0.0 (unencrypted");
    server.child.kill("SIGINT");
    expect((await server.result).exit).toBe(0);
  });

  it.each([
    ["an invalid port", ["serve", "--port", "http"], "Cannot read --port http"],
    ["an invalid host", ["serve", "--host", "http://x"], "Cannot read --host http://x"],
    ["prompts", ["serve", "--prompts", "3"], "annotate.people.prompts"],
    ["serve's host without serve", ["--host", "0.0.0.0"], "only annotate serve uses it"],
    ["serve's port for others", ["invite", "dee", "--port", "80"], "only annotate serve uses it"],
    ["an unknown action", ["sevre"], 'did you mean "serve"?'],
    ["nobody to invite", ["invite"], "no name given"],
    ["the lead's name", ["invite", "dee", "lead"], "Cannot invite lead"],
    ["an empty name", ["invite", " "], "1 to 200 characters"],
    ["an unknown name", ["revoke", "bob"], 'no such person (did you mean "bo"?)'],
    ["the lead's link", ["revoke", "lead"], "page/secret"],
  ])("refuses %s", async (_what, args, message) => {
    const { exit, stderr } = await annotate(...args);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toContain("Cannot ");
    expect(site.project.count("select count(*) from annotators where name = 'dee'")).toBe(0);
  });

  it("reports errors in gold and guidelines before the page opens", async () => {
    writeFileSync(join(site.project.dir, "gold.jsonl"), '{"images":["i_0","i_1"],"choice":0}\n');
    site.ask({ gold: "gold.jsonl" });
    expect(await annotate("serve")).toMatchObject({ exit: 2, stderr: expect.stringContaining("gold.jsonl:1") });
    site.ask({ guidelines: "none.txt" });
    expect(await annotate("serve")).toMatchObject({ exit: 2, stderr: expect.stringContaining("none.txt: there is no such file") });
    site.ask({ overlap: 7 });
    expect(await annotate("serve")).toMatchObject({ exit: 2, stderr: expect.stringContaining("max_votes") });
    site.ask({ public_url: "https://x.example/vote" });
    expect(await annotate("serve")).toMatchObject({ exit: 2, stderr: expect.stringContaining("has a path") });
    site.ask({ task: "best" });
    site.project.configure({ annotate: { people: { task: "best" }, pairs: { policy: "best-worst" } } });
    for (const args of [["annotate", "serve"], ["check"]])
      expect(await runCli([...args, "-c", site.project.config])).toMatchObject({
        exit: 2,
        stderr: expect.stringContaining("annotate.pairs has policy: best-worst, and annotate.people.task is best"),
      });
    site.ask({ order: "swiss" });
    expect(await annotate("serve")).toMatchObject({ exit: 2, stderr: expect.stringContaining("a tournament of pairs") });
    site.ask({});
  });
});

describe("annotate invite", () => {
  it("prints a link for each person, replaces older ones, and lists everybody", async () => {
    const { stdout, stderr } = await annotate("invite", "eve", "Zoë Lee");
    const links = stdout.split("\n").filter((line) => line !== "");
    expect(links.map((line) => line.split("\t")[0])).toEqual(["eve", "Zoë Lee"]);
    expect(links.every((line) => /\thttp:\/\/127\.0\.0\.1:\d+\/join\/[\w-]{43}$/.test(line))).toBe(true);
    expect(stderr).toContain("Links are shown only once");
    expect(stderr).toContain("The page is not served now");
    expect((await annotate("invite", "eve")).stderr).toContain("eve's earlier link no longer works");
    const people = await json("people");
    expect(people).toContainEqual(expect.objectContaining({ annotator: "Zoë Lee", state: "invited", votes: 0, seen_at_ms: null }));
    expect((await annotate("people")).stdout).toContain("Zoë Lee\tinvited\t0 votes on the page\tnever came");
  });
});
