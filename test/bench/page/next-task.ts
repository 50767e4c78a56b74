import { randomUUID } from "node:crypto";
import { openDatabase } from "../../../src/db/open.ts";
import { assignmentQueries } from "../../../src/db/queries/page/assignments.ts";
import { annotatorQueries } from "../../../src/db/queries/page/annotators.ts";
import { createBuiltinJudge } from "../../../src/judges/builtin.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createComparisonFeed } from "../../../src/page/server/tasks/comparison-feed.ts";
import { readComparisonRules } from "../../../src/page/server/tasks/comparison-rules.ts";
import { LEASE_MS, createTaskGiver } from "../../../src/page/server/tasks/give-tasks.ts";
import { createQueueReader } from "../../../src/page/server/tasks/queue-reader.ts";
import { createEntryRecorder } from "../../../src/page/server/record-entries.ts";
import { testConfig } from "../../helpers/annotated-dataset.ts";
import type { Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { quantile } from "../quantile.ts";
import { annotatedProject } from "./annotated-project.ts";

const PROMPTS = 50_000;
const ANNOTATORS = 50;
const VOTES_EACH = 200;
const PEOPLE = { task: "pair", overlap: 2, gold_rate: 0, repeat_rate: 0.02 };

interface Run {
  readonly feedMs: number;
  readonly giveMs: readonly number[];
  readonly voteMs: readonly number[];
  /** The query alone, without the lease. */
  readonly queryMs: readonly number[];
  /** A next task and a vote, CPU. */
  readonly cpuMs: number;
}

/** In one process and one after the other: what a request costs the server, without HTTP. */
export const nextTaskScenario: Scenario = {
  name: "next",
  summary: "the next task for one of 50 people, and a vote, with 50,000 prompts × 4 images",
  async run(options) {
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) {
      const run = await runOnce(Math.round(PROMPTS * options.scale));
      options.tell(`  fed in ${(run.feedMs / 1_000).toFixed(1)} s; worst next task ${Math.max(...run.giveMs).toFixed(1)} ms`);
      runs.push(run);
    }
    const figure = figuresOf("next", runs);
    return [
      figure("next-task query, p99", "ms", { of: ({ queryMs }) => quantile(queryMs, 0.99), target: { atMost: 10 } }),
      figure("next-task query, median", "ms", { of: ({ queryMs }) => quantile(queryMs, 0.5) }),
      figure("next task with its lease on the disk, p99", "ms", { of: ({ giveMs }) => quantile(giveMs, 0.99) }),
      figure("next task with its lease on the disk, median", "ms", { of: ({ giveMs }) => quantile(giveMs, 0.5) }),
      figure("vote, p99", "ms", { of: ({ voteMs }) => quantile(voteMs, 0.99) }),
      figure("vote, median", "ms", { of: ({ voteMs }) => quantile(voteMs, 0.5) }),
      figure("CPU, next task and vote", "ms", { of: ({ cpuMs }) => cpuMs }),
      figure("first look at all prompts", "s", { of: ({ feedMs }) => feedMs / 1_000 }),
    ];
  },
};

async function runOnce(prompts: number): Promise<Run> {
  using project = await annotatedProject({ prompts, people: PEOPLE });
  const db = openDatabase(project.databaseFile);
  try {
    const config = testConfig(project.dir, { filters: { near_duplicate: 0 }, people: PEOPLE });
    const rules = readComparisonRules(config);
    const feed = createComparisonFeed({ config, db, judges: [createBuiltinJudge({ name: "quality" })] }, rules);
    const feedMs = await timed(() => feed.scan(new AbortController().signal));
    const secret = Buffer.alloc(32, 1);
    const needs = { db, clock: systemClock, secret };
    const giver = createTaskGiver({
      ...needs,
      rates: { gold: 0, repeat: PEOPLE.repeat_rate },
      random: Math.random,
      epoch: () => feed.epoch,
    });
    const recorder = createEntryRecorder({ ...needs, rules });
    const annotators = annotatorQueries(db);
    const people = Array.from({ length: ANNOTATORS }, (_, index) => {
      const name = `person ${index}`;
      annotators.setToken(name, { role: "annotator", tokenSha256: name, nowMs: 0 });
      return annotators.findByName(name)!;
    });
    const queue = createQueueReader({ assignments: assignmentQueries(db), clock: systemClock, epoch: () => feed.epoch, leaseMs: LEASE_MS });
    const giveMs: number[] = [];
    const queryMs: number[] = [];
    const cpuBefore = process.cpuUsage();
    const voteMs: number[] = [];
    for (let vote = 0; vote < VOTES_EACH; vote++) {
      for (const person of people) {
        let tasks: ReturnType<typeof giver.give>["tasks"] = [];
        queryMs.push(await timed(() => queue.next(person.annotatorId, 1)));
        giveMs.push(await timed(() => (tasks = giver.give(person.annotatorId, { holding: [], count: 1 }).tasks)));
        const [task] = tasks;
        if (task === undefined) throw new Error(`no task for ${person.name} after ${vote} votes`);
        const answer = { kind: "best", best: task.images[0]!.slot } as const;
        const entry = { kind: "vote", vote_id: randomUUID(), task_id: task.task_id, answer, flags: {}, ms: 1_000 } as const;
        voteMs.push(await timed(() => recorder.record(person, [entry])));
      }
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    return { feedMs, giveMs, voteMs, queryMs, cpuMs: (user + system) / 1_000 / (ANNOTATORS * VOTES_EACH) };
  } finally {
    db.close();
  }
}

async function timed(work: () => unknown): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
