import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess } from "../measured-process.ts";
import { listedProject } from "./listed-project.ts";
import { imageName, startImageServer } from "./image-server.ts";
import { timedCommand } from "./timed-command.ts";

const IMAGES = 2_000;
const SIZES = { fromBytes: 300_000, toBytes: 1_500_000 };
const TRANSFERS = 16;
const TIMEOUT_MS = 600_000;

interface Side {
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Run {
  readonly ours: Side & { readonly rssMb: number };
  readonly peer: Side;
  /** The same, with everything flushed to the disk at the end: what ours does for each file. */
  readonly flushedMs: number;
  readonly missing: number;
}

/** Both write the same files into folders of one file system; who begins changes with each run. */
export const curlScenario: Scenario = {
  name: "folder",
  summary: "2,000 PNGs of 0.3–1.5 MB into a local folder; the same through curl --parallel, 16 at a time",
  async run(options) {
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runBoth(options, index));
    const figure = figuresOf("folder", runs);
    return [
      figure("wall, ours : curl", "×", { of: ({ ours, peer }) => ours.wallMs / peer.wallMs, target: { atMost: 1.5 } }),
      figure("wall, ours : curl and sync", "×", { of: ({ ours, flushedMs }) => ours.wallMs / flushedMs }),
      figure("wall", "s", { of: ({ ours }) => ours.wallMs / 1_000 }),
      figure("CPU", "s", { of: ({ ours }) => ours.cpuMs / 1_000 }),
      figure("peak RSS", "MB", { of: ({ ours }) => ours.rssMb }),
      figure("images not stored", "", { of: ({ missing }) => missing, target: { atMost: 0 } }),
      figure("curl: wall", "s", { of: ({ peer }) => peer.wallMs / 1_000 }),
      figure("curl: CPU", "s", { of: ({ peer }) => peer.cpuMs / 1_000 }),
    ];
  },
};

async function runBoth(options: BenchOptions, index: number): Promise<Run> {
  const images = Math.max(4, Math.round(IMAGES * options.scale));
  await using server = await startImageServer(SIZES);
  using project = await listedProject({ jobs: images, url: server.url });
  let stored = 0;
  const runOurs = () =>
    measuredProcess(project.command("harvest"), {
      timeoutMs: TIMEOUT_MS,
      onLine: (line) => void (line.startsWith('{"event":"stored"') && stored++),
    });
  const folder = join(project.dir, "curl");
  const list = join(project.dir, "curl.txt");
  writeFileSync(
    list,
    project.jobs.map((job) => `url = "${server.filesUrl}${imageName(job)}"\noutput = "${join(folder, imageName(job))}"\n`).join(""),
  );
  const runCurl = async () => {
    mkdirSync(folder);
    const peer = await timedCommand("curl", ["--parallel", "--parallel-max", `${TRANSFERS}`, "--silent", "--show-error", "--config", list]);
    const flushed = await timedCommand("sync", []);
    rmSync(folder, { recursive: true });
    return { ...peer, flushedMs: peer.wallMs + flushed.wallMs };
  };
  await timedCommand("sync", []);
  const first = index % 2 === 0 ? await runOurs() : null;
  const peer = await runCurl();
  const ours = first ?? (await runOurs());
  if (peer.exit !== 0) throw new Error(`curl ended with ${peer.exit}: ${peer.said}`);
  const told = [ours, peer].map(({ wallMs, cpuMs }) => `${(wallMs / 1_000).toFixed(1)} s, CPU ${(cpuMs / 1_000).toFixed(1)} s`);
  options.tell(`  ours: exit ${ours.exit}, ${told.join("; curl: ")}, with sync ${(peer.flushedMs / 1_000).toFixed(1)} s`);
  if (stored < images) options.tell(`  ours said: ${ours.said.slice(-500)}`);
  return { ours, peer, flushedMs: peer.flushedMs, missing: images - stored };
}
