import { join } from "node:path";
import { benchProject, IMAGE_SIDE, WORKFLOW } from "../bench-project.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { healthyServers, spanOf, startBenchEmulators } from "../emulators.ts";
import { measuredProcess } from "../measured-process.ts";
import type { PeerReport } from "./peer-process.ts";

const SERVERS = 8;
const EXEC_MS = 100;
const JOBS = 4_000;
/** A run that takes so many times as long as it should is stuck. */
const PATIENCE = 4;
const PEER = join(import.meta.dirname, "peer-process.ts");

interface Run {
  readonly busyShare: number;
  readonly cpuMsPerJob: number;
  readonly rssMb: number;
  readonly jobsPerSecond: number;
  /** Jobs without an image at the end. */
  readonly missing: number;
  /** What the client itself said: jobs failed, and jobs of which it never said anything. */
  readonly said: PeerReport;
}

/** Ours and the peer take turns, each on emulators of its own that are set up the same. */
export const steadyScenario: Scenario = {
  name: "steady",
  summary: "8 servers at 100 ms a prompt, 4,000 jobs; the same through @saintno/comfyui-sdk",
  async run(options) {
    const ours: Run[] = [];
    const peers: Run[] = [];
    for (let index = 0; index < options.runs; index++) {
      const both = [async () => ours.push(await runOurs(options)), async () => peers.push(await runPeer(options))];
      for (const each of index % 2 === 0 ? both : both.toReversed()) await each();
    }
    const figure = (what: string, unit: string, [runs, value]: readonly [readonly Run[], (run: Run) => number]) => ({
      scenario: "steady",
      what,
      unit,
      values: runs.map(value),
      target: null,
    });
    const ratio = (value: (run: Run) => number) => ours.map((run, index) => value(run) / value(peers[index] ?? run));
    return [
      { ...figure("servers busy", "%", [ours, (run) => run.busyShare * 100]), target: { atLeast: 98 } },
      { ...figure("CPU a job", "ms", [ours, (run) => run.cpuMsPerJob]), target: { atMost: 3 } },
      figure("peak RSS", "MB", [ours, (run) => run.rssMb]),
      figure("jobs", "/s", [ours, (run) => run.jobsPerSecond]),
      { ...figure("jobs without an image", "", [ours, (run) => run.missing]), target: { atMost: 0 } },
      figure("peer: servers busy", "%", [peers, (run) => run.busyShare * 100]),
      figure("peer: CPU a job", "ms", [peers, (run) => run.cpuMsPerJob]),
      figure("peer: peak RSS", "MB", [peers, (run) => run.rssMb]),
      figure("peer: jobs", "/s", [peers, (run) => run.jobsPerSecond]),
      figure("peer: jobs without an image", "", [peers, (run) => run.missing]),
      figure("peer: jobs that it called failed", "", [peers, (run) => run.said.failed]),
      figure("peer: jobs that it never settled", "", [peers, (run) => run.said.unsettled]),
      { ...figure("jobs/s, ours : peer", "×", [ours, () => 0]), values: ratio((run) => run.jobsPerSecond) },
      { ...figure("CPU a job, ours : peer", "×", [ours, () => 0]), values: ratio((run) => run.cpuMsPerJob) },
    ];
  },
};

async function runOurs(options: BenchOptions): Promise<Run> {
  const jobs = JOBS * options.scale;
  await using emulators = await startBenchEmulators(healthyServers(SERVERS, EXEC_MS));
  using project = benchProject({ jobs, urls: emulators.urls });
  return await measure("ours", { options, jobs, emulators, args: project.command("generate") });
}

async function runPeer(options: BenchOptions): Promise<Run> {
  const jobs = JOBS * options.scale;
  await using emulators = await startBenchEmulators(healthyServers(SERVERS, EXEC_MS));
  const task = { urls: emulators.urls, jobs, workflow: WORKFLOW, side: IMAGE_SIDE };
  return await measure("peer", { options, jobs, emulators, args: [PEER, JSON.stringify(task)] });
}

interface Subject {
  readonly options: BenchOptions;
  readonly jobs: number;
  readonly emulators: Awaited<ReturnType<typeof startBenchEmulators>>;
  readonly args: readonly string[];
}

async function measure(who: string, { options, jobs, emulators, args }: Subject): Promise<Run> {
  const process = await measuredProcess(args, { timeoutMs: ((jobs * EXEC_MS) / SERVERS) * PATIENCE + 60_000 });
  const { servers, jobsSaved } = await emulators.report();
  const { busyShare, spanMs } = spanOf(servers);
  const run = {
    busyShare,
    cpuMsPerJob: process.cpuMs / jobsSaved,
    rssMb: process.rssMb,
    jobsPerSecond: (jobsSaved * 1_000) / spanMs,
    missing: jobs - jobsSaved,
    said: peerReportOf(process.said),
  };
  options.tell(
    `  ${who}: exit ${process.exit}, ${(busyShare * 100).toFixed(1)} % busy, ${run.cpuMsPerJob.toFixed(2)} ms CPU a job, ${run.missing} missing`,
  );
  if (process.exit !== 0) options.tell(`  ${who} ended with ${process.exit}: ${process.said.trim().split("\n").slice(-5).join(" | ")}`);
  return run;
}

/** Ours has none, and neither has a peer that crashed. */
function peerReportOf(said: string): PeerReport {
  const line = said.trim().split("\n").at(-1) ?? "";
  return line.startsWith('{"failed"') ? (JSON.parse(line) as PeerReport) : { failed: Number.NaN, unsettled: Number.NaN }; // peer-process.ts wrote it.
}
