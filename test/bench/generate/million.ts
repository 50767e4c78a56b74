import { benchProject, type BenchProject } from "../bench-project.ts";
import type { Scenario } from "../benchmark.ts";
import { cpuOf } from "../cpu-of.ts";
import { healthyServers, spanOf, startBenchEmulators } from "../emulators.ts";
import { measuredProcess, type Measured } from "../measured-process.ts";

const MANY = 1_000_000;
const FEW = 10_000;
/** Nothing listens on a port that needs root; planning asks no server. */
const NO_SERVER = "http://127.0.0.1:1";
const SERVERS = 8;
const EXEC_MS = 50;
/** Jobs before the measured ones: connections, JIT, the first pages of the database. */
const WARM_UP_JOBS = 300;
const MEASURED_JOBS = 2_000;
const TIMEOUT_MS = 600_000;

/** What a large plan costs: to make, to start from, and for every job. */
export const millionScenario: Scenario = {
  name: "million",
  summary: "planning 1,000,000 candidates, the first submit after that, and a job's cost beside that at 10,000",
  async run(options) {
    const many = MANY * options.scale;
    const plans: (Measured & { readonly plannedMs: number })[] = [];
    const starts: number[] = [];
    const costs: { readonly few: number; readonly many: number }[] = [];
    for (let index = 0; index < options.runs; index++) {
      using large = benchProject({ jobs: many, urls: [NO_SERVER] });
      const planned = await plan(large);
      plans.push(planned);
      options.tell(`  planned in ${(planned.plannedMs / 1_000).toFixed(1)} s, ${planned.rssMb.toFixed(0)} MB`);
      using small = benchProject({ jobs: FEW, urls: [NO_SERVER] });
      await plan(small);
      const atMany = await costOfJob(large);
      const atFew = await costOfJob(small);
      starts.push(atMany.firstSubmitMs);
      costs.push({ few: atFew.cpuMsPerJob, many: atMany.cpuMsPerJob });
      options.tell(
        `  first submit after ${atMany.firstSubmitMs.toFixed(0)} ms; ${atMany.cpuMsPerJob.toFixed(2)} ms a job, few: ${atFew.cpuMsPerJob.toFixed(2)}`,
      );
    }
    const figure = (what: string, unit: string, values: readonly number[]) => ({ scenario: "million", what, unit, values, target: null });
    return [
      {
        ...figure(
          "time to plan",
          "s",
          plans.map((each) => each.plannedMs / 1_000),
        ),
        target: { atMost: 60 },
      },
      {
        ...figure(
          "peak RSS",
          "MB",
          plans.map((each) => each.rssMb),
        ),
        target: { atMost: 250 },
      },
      figure(
        "CPU",
        "s",
        plans.map((each) => each.cpuMs / 1_000),
      ),
      { ...figure("start to first submit", "ms", starts), target: { atMost: 2_000 } },
      figure(
        "CPU a job at 10,000 planned",
        "ms",
        costs.map((each) => each.few),
      ),
      figure(
        "CPU a job at 1,000,000 planned",
        "ms",
        costs.map((each) => each.many),
      ),
      {
        ...figure(
          "the one : the other",
          "×",
          costs.map((each) => each.many / each.few),
        ),
        target: { atLeast: 0.8, atMost: 1.2 },
      },
    ];
  },
};

/** Plans, and stops before anything else. */
async function plan(project: BenchProject): Promise<Measured & { readonly plannedMs: number }> {
  const startMs = performance.now();
  let plannedMs = Number.NaN;
  const measured = await measuredProcess(project.command("generate"), {
    timeoutMs: TIMEOUT_MS,
    onLine(line, child) {
      if (!line.startsWith("Planned:")) return;
      plannedMs = performance.now() - startMs;
      child.kill("SIGINT");
    },
  });
  return { ...measured, plannedMs };
}

/** Runs some jobs of a plan that is made already. */
async function costOfJob(project: BenchProject): Promise<{ readonly firstSubmitMs: number; readonly cpuMsPerJob: number }> {
  await using emulators = await startBenchEmulators(healthyServers(SERVERS, EXEC_MS));
  project.useServers(emulators.urls);
  let done = 0;
  let fromMs = Number.NaN;
  let toMs = Number.NaN;
  const { startedAtMs } = await measuredProcess(project.command("generate"), {
    timeoutMs: TIMEOUT_MS,
    onLine(line, child) {
      if (!line.startsWith('{"event":"generated"')) return;
      done++;
      if (done === WARM_UP_JOBS) fromMs = cpuOf(child.pid ?? 0);
      if (done !== WARM_UP_JOBS + MEASURED_JOBS) return;
      toMs = cpuOf(child.pid ?? 0);
      child.kill("SIGINT");
    },
  });
  const { firstStartedAtMs } = spanOf((await emulators.report()).servers);
  return { firstSubmitMs: firstStartedAtMs - startedAtMs, cpuMsPerJob: (toMs - fromMs) / MEASURED_JOBS };
}
