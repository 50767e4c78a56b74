import { randomUUID } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "../../../src/db/open.ts";
import { annotatorQueries } from "../../../src/db/queries/page/annotators.ts";
import type { Task } from "../../../src/page/api.ts";
import { createToken, hashToken } from "../../../src/page/server/secrets.ts";
import { joinPage, type PageClient } from "../../helpers/page-client.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { cpuOf } from "../cpu-of.ts";
import { figuresOf } from "../figures.ts";
import { quantile } from "../quantile.ts";
import { rssOf } from "../rss-of.ts";
import { type AnnotatedProject, annotatedProject } from "./annotated-project.ts";

const PROMPTS = 50_000;
const ANNOTATORS = 50;
const VOTE_EVERY_MS = 2_000;
/** Fewer: people waited for images, and the figures above are those of a smaller crowd. 25 less what the last turn cuts off. */
const VOTES_A_SECOND = 24;
/** Tasks whose images a browser loads ahead. */
const AHEAD = 3;
const DURATION_MS = 60_000;
const START_TIMEOUT_MS = 600_000;
const PEOPLE = { task: "pair", port: 0, gold_rate: 0 };

interface Run {
  readonly firstPageMs: number;
  readonly tasksMs: readonly number[];
  readonly votesMs: readonly number[];
  readonly keptMs: readonly number[];
  readonly madeMs: readonly number[];
  readonly failed: number;
  readonly votes: number;
  readonly cores: number;
  readonly rssMb: number;
  readonly lost: number;
  readonly doubled: number;
}

/** Each loads three tasks ahead with their images, as the page does, and votes every 2 s; in the end the server is killed. */
export const crowdScenario: Scenario = {
  name: "crowd",
  summary: "50 people voting every 2 s for a minute on 50,000 prompts × 4 images of 512 px, then kill -9",
  async run(options) {
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runOnce(options));
    const figure = figuresOf("crowd", runs);
    const atMost100 = { atMost: 100 };
    const none = { atMost: 0 };
    return [
      figure("first page, with its images", "ms", { of: ({ firstPageMs }) => firstPageMs, target: { atMost: 1_000 } }),
      figure("vote, p99", "ms", { of: ({ votesMs }) => quantile(votesMs, 0.99), target: atMost100 }),
      figure("next tasks, p99", "ms", { of: ({ tasksMs }) => quantile(tasksMs, 0.99), target: atMost100 }),
      figure("image from the cache, p99", "ms", { of: ({ keptMs }) => quantile(keptMs, 0.99), target: atMost100 }),
      figure("image made on the way, p99", "ms", { of: ({ madeMs }) => quantile(madeMs, 0.99) }),
      figure("image made on the way, median", "ms", { of: ({ madeMs }) => quantile(madeMs, 0.5) }),
      figure("votes a second", "", {
        of: ({ votes }) => (votes * 1_000) / (DURATION_MS * options.scale),
        target: { atLeast: VOTES_A_SECOND },
      }),
      figure("requests that failed", "", { of: ({ failed }) => failed, target: none }),
      figure("server: cores", "", { of: ({ cores }) => cores }),
      figure("server: RSS", "MB", { of: ({ rssMb }) => rssMb }),
      figure("confirmed votes lost by kill -9", "", { of: ({ lost }) => lost, target: none }),
      figure("votes counted twice", "", { of: ({ doubled }) => doubled, target: none }),
    ];
  },
};

async function runOnce(options: BenchOptions): Promise<Run> {
  const { scale } = options;
  using project = await annotatedProject({ prompts: Math.round(PROMPTS * scale), people: PEOPLE });
  const tokens = invite(project);
  await using server = await startServer(project);
  const clients = await Promise.all(tokens.map((token) => joinPage(`${server.url}/join/${token}`)));
  const seen = { tasksMs: [], votesMs: [], keptMs: [], madeMs: [], failed: 0, confirmed: new Set<string>() } satisfies Seen;
  const firstPageMs = await firstPage(clients[0]!);
  await server.fed;
  const cpuBefore = cpuOf(server.pid);
  const startMs = performance.now();
  const endMs = startMs + DURATION_MS * scale;
  const working = Promise.allSettled(
    clients.map(async (client, index) => {
      await sleep((VOTE_EVERY_MS * index) / ANNOTATORS);
      await work(client, { seen, endMs });
    }),
  );
  await sleep(endMs - performance.now());
  const cores = (cpuOf(server.pid) - cpuBefore) / (performance.now() - startMs);
  const rssMb = rssOf(server.pid);
  await server.kill();
  for (const end of await working) if (end.status === "rejected" && !isReset(end.reason)) throw end.reason;
  for (const client of clients) client.close();
  options.tell(`  ${seen.confirmed.size} votes confirmed; ${seen.failed} requests failed; ${cores.toFixed(2)} cores`);
  return { ...seen, firstPageMs, votes: seen.confirmed.size, cores, rssMb, ...audit(project, seen.confirmed) };
}

/** What a killed server's connections end with. */
function isReset(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "ECONNREFUSED" || error.code === "EPIPE")
  );
}

interface Seen {
  readonly tasksMs: number[];
  readonly votesMs: number[];
  readonly keptMs: number[];
  readonly madeMs: number[];
  failed: number;
  readonly confirmed: Set<string>;
}

interface Working {
  readonly seen: Seen;
  /** The server is killed then: what fails after it is no failure. */
  readonly endMs: number;
}

/** What a browser does, without drawing anything. */
async function work(client: PageClient, { seen, endMs }: Working): Promise<void> {
  const held: Task[] = [];
  const timed = async <T>(into: number[], asking: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    const answer = await asking();
    if (performance.now() < endMs) into.push(performance.now() - startMs);
    return answer;
  };
  const load = async (path: string, into: number[]): Promise<void> => {
    const { status } = await timed(into, () => client.ask(path));
    if (status !== 200 && performance.now() < endMs) seen.failed++;
  };
  for (let turnMs = performance.now(); performance.now() < endMs; turnMs += VOTE_EVERY_MS) {
    const tasks = await timed(seen.tasksMs, () =>
      client.tasks(
        AHEAD - held.length,
        held.map(({ task_id }) => task_id),
      ),
    );
    held.push(...tasks);
    await Promise.all(tasks.flatMap(({ images }) => images.map(({ thumb }) => load(thumb, seen.madeMs))));
    const task = held.shift();
    if (task === undefined) throw new Error("the server gives no more tasks");
    // Somebody who comes back to an image: the browser would have it, a second device has not.
    await load(task.images[0]!.thumb, seen.keptMs);
    const voteId = randomUUID();
    const { results } = await timed(seen.votesMs, () => client.vote(task, undefined, voteId));
    if (results[0]?.kind === "confirmed") seen.confirmed.add(voteId);
    else seen.failed++;
    await sleep(Math.max(0, turnMs + VOTE_EVERY_MS - performance.now()));
  }
}

/** Page, session, tasks and the first task's images, all for the first time. */
async function firstPage(client: PageClient): Promise<number> {
  const startMs = performance.now();
  const { text } = await client.ask("/");
  const files = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!);
  await Promise.all([...files, "/api/session"].map((path) => client.ask(path)));
  const [task] = await client.tasks(1);
  await Promise.all(task!.images.map(({ thumb }) => client.ask(thumb)));
  return performance.now() - startMs;
}

function invite({ databaseFile }: AnnotatedProject): readonly string[] {
  const db = openDatabase(databaseFile);
  try {
    const annotators = annotatorQueries(db);
    return Array.from({ length: ANNOTATORS }, (_, index) => {
      const token = createToken();
      annotators.setToken(`person ${index}`, { role: "annotator", tokenSha256: hashToken(token), nowMs: 0 });
      return token;
    });
  } finally {
    db.close();
  }
}

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** All prompts have been looked at. */
  readonly fed: Promise<void>;
  kill(): Promise<void>;
}

async function startServer(project: AnnotatedProject): Promise<Server> {
  const child = spawn(process.execPath, [...project.command("annotate", "serve")], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  const { lead_url: leadUrl } = await firstEvent(child);
  return { url: new URL(leadUrl).origin, pid: child.pid ?? 0, fed: waitUntilFed(project), kill, [Symbol.asyncDispose]: kill };
}

async function firstEvent({ stdout }: ChildProcess): Promise<{ readonly lead_url: string }> {
  if (stdout === null) throw new Error("the server has no stdout");
  for await (const line of createInterface(stdout)) {
    const event = JSON.parse(line) as { readonly event: string; readonly lead_url: string }; // An event of annotate serve.
    if (event.event === "serving") return event;
  }
  throw new Error("annotate serve ended before it served");
}

async function waitUntilFed({ databaseFile }: AnnotatedProject): Promise<void> {
  const db = openDatabase(databaseFile);
  try {
    const waiting = db.client.prepare<[], number>("select (select count(*) from prompts) - (select count(*) from page_prompts)").pluck();
    for (const endMs = Date.now() + START_TIMEOUT_MS; (waiting.get() ?? 0) > 0;) {
      if (Date.now() > endMs) throw new Error(`the prompts were not looked at in ${START_TIMEOUT_MS} ms`);
      await sleep(200);
    }
  } finally {
    db.close();
  }
}

/** Opens what the killed server left. */
function audit({ databaseFile }: AnnotatedProject, confirmed: ReadonlySet<string>): Pick<Run, "lost" | "doubled"> {
  const db = openDatabase(databaseFile);
  try {
    // Not counted_votes: repeats are votes that are kept and do not count.
    const there = new Set(db.client.prepare<[], string>("select vote_id from votes where source = 'page'").pluck().all());
    const doubled = db.client
      .prepare<[], number>("select count(*) - count(distinct annotator || ' ' || shown) from counted_votes where source = 'page'")
      .pluck()
      .get();
    return { lost: [...confirmed].filter((voteId) => !there.has(voteId)).length, doubled: doubled ?? 0 };
  } finally {
    db.close();
  }
}
