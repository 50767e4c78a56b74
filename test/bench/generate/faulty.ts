import { benchProject } from "../bench-project.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { healthyServers, spanOf, startBenchEmulators, type EmulatorSpec } from "../emulators.ts";
import { measuredProcess } from "../measured-process.ts";

const EXEC_MS = 100;
const HEALTHY = 5;
/** Enough that the end, when only the slow server still has two jobs for 1 s each, weighs little. */
const JOBS = 4_000;
const PATIENCE = 6;
/** One dead, one 10× slow, one that fails whatever it is given. */
const TROUBLE: readonly EmulatorSpec[] = [
  { execMs: EXEC_MS, isDead: true },
  { execMs: EXEC_MS, faults: "slow:10" },
  { execMs: EXEC_MS, faults: "execution-error:1:always" },
];

interface Run {
  readonly jobsPerSecond: number;
  readonly cpuMsPerJob: number;
  readonly missing: number;
  readonly savedTwice: number;
  readonly promptsRunTwice: number;
  readonly failedRuns: number;
}

/** The healthy servers alone and the same with the others beside them take turns: their ratio is what trouble costs. */
export const faultyScenario: Scenario = {
  name: "faulty",
  summary: "of 8 servers one is dead, one 10× slow, one fails every prompt: compared with the other 5 alone",
  async run(options) {
    const mixed: Run[] = [];
    const alone: Run[] = [];
    for (let index = 0; index < options.runs; index++) {
      const both = [
        async () => mixed.push(await run(options, "8 servers", [...TROUBLE, ...healthyServers(HEALTHY, EXEC_MS)])),
        async () => alone.push(await run(options, "5 healthy", healthyServers(HEALTHY, EXEC_MS))),
      ];
      for (const each of index % 2 === 0 ? both : both.toReversed()) await each();
    }
    const figure = (what: string, unit: string, values: readonly number[]) => ({ scenario: "faulty", what, unit, values, target: null });
    const none = { atMost: 0 };
    return [
      {
        ...figure(
          "throughput against the healthy alone",
          "%",
          mixed.map(({ jobsPerSecond }, index) => (jobsPerSecond / (alone[index]?.jobsPerSecond ?? Number.NaN)) * 100),
        ),
        target: { atLeast: 95 },
      },
      figure(
        "jobs",
        "/s",
        mixed.map((each) => each.jobsPerSecond),
      ),
      figure(
        "jobs, healthy alone",
        "/s",
        alone.map((each) => each.jobsPerSecond),
      ),
      figure(
        "CPU a job",
        "ms",
        mixed.map((each) => each.cpuMsPerJob),
      ),
      {
        ...figure(
          "jobs without an image",
          "",
          mixed.map((each) => each.missing),
        ),
        target: none,
      },
      {
        ...figure(
          "jobs that ran to success twice",
          "",
          mixed.map((each) => each.savedTwice),
        ),
        target: none,
      },
      {
        ...figure(
          "prompt_ids that ran twice",
          "",
          mixed.map((each) => each.promptsRunTwice),
        ),
        target: none,
      },
      figure(
        "runs that failed",
        "",
        mixed.map((each) => each.failedRuns),
      ),
    ];
  },
};

async function run(options: BenchOptions, who: string, specs: readonly EmulatorSpec[]): Promise<Run> {
  const jobs = JOBS * options.scale;
  await using emulators = await startBenchEmulators(specs);
  using project = benchProject({ jobs, urls: emulators.urls });
  const process = await measuredProcess(project.command("generate"), { timeoutMs: ((jobs * EXEC_MS) / HEALTHY) * PATIENCE + 60_000 });
  const { servers, jobsSaved, jobsSavedTwice, promptsRunTwice } = await emulators.report();
  const { spanMs } = spanOf(servers);
  const jobsPerSecond = (jobsSaved * 1_000) / spanMs;
  options.tell(`  ${who}: exit ${process.exit}, ${jobsPerSecond.toFixed(1)} jobs/s, ${jobs - jobsSaved} missing, ${jobsSavedTwice} twice`);
  return {
    jobsPerSecond,
    cpuMsPerJob: process.cpuMs / jobsSaved,
    missing: jobs - jobsSaved,
    savedTwice: jobsSavedTwice,
    promptsRunTwice,
    failedRuns: servers.reduce((sum, server) => sum + server.errors, 0),
  };
}
