import type { BenchOptions, Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess, type Measured } from "../measured-process.ts";
import { startScorer, type ScorerStats } from "./scorer.ts";
import { storedProject } from "./stored-project.ts";

const GROUPS = 400;
const SEEDS = 4;
/** PNGs of half a megabyte and more. */
const SIDE_PX = 512;
/** Four images on one large GPU: 15 ms each. */
const EXEC_MS = 60;
const IN_FLIGHT = 8;
const TIMEOUT_MS = 900_000;

interface Run {
  readonly measured: Measured;
  readonly stats: ScorerStats;
}

export const httpJudgeScenario: Scenario = {
  name: "http-judge",
  summary: "400 groups of four 512 × 512 PNGs, 8 in flight, to a model that takes 60 ms a group, one after the other",
  async run(options) {
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runOnce(options));
    const figure = figuresOf("http-judge", runs);
    return [
      figure("server busy, first start to last finish", "%", { of: ({ stats }) => 100 * busyShare(stats), target: { atLeast: 95 } }),
      figure("requests in flight at most", "", { of: ({ stats }) => stats.inFlightMax, target: { atLeast: IN_FLIGHT, atMost: IN_FLIGHT } }),
      figure("groups not judged", "", { of: ({ stats }) => groupsOf(options) - stats.requests, target: { atLeast: 0, atMost: 0 } }),
      figure("CPU an image", "ms", { of: ({ measured, stats }) => measured.cpuMs / stats.images }),
      figure("peak RSS", "MB", { of: ({ measured }) => measured.rssMb }),
      figure("wall", "s", { of: ({ measured }) => measured.wallMs / 1_000 }),
    ];
  },
};

function groupsOf({ scale }: BenchOptions): number {
  return Math.max(2 * IN_FLIGHT, Math.round(GROUPS * scale));
}

function busyShare({ busyMs, firstStartedAtMs, lastFinishedAtMs }: ScorerStats): number {
  return busyMs / (lastFinishedAtMs - firstStartedAtMs);
}

async function runOnce(options: BenchOptions): Promise<Run> {
  await using scorer = await startScorer(EXEC_MS);
  const judges = [{ name: "model", kind: "http", url: scorer.url, concurrency: IN_FLIGHT }];
  using project = await storedProject({ images: groupsOf(options) * SEEDS, sidePx: SIDE_PX, isInspected: true, annotate: { judges } });
  const measured = await measuredProcess(project.command("judge"), { timeoutMs: TIMEOUT_MS });
  const stats = await scorer.stats();
  if (measured.exit !== 0) throw new Error(`judge ended with ${measured.exit}: ${measured.said.slice(-500)}`);
  options.tell(`  busy ${(100 * busyShare(stats)).toFixed(1)} %, ${stats.requests} requests, ${(measured.wallMs / 1_000).toFixed(1)} s`);
  return { measured, stats };
}
