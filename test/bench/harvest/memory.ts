import type { BenchOptions, Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess } from "../measured-process.ts";
import { rssOf } from "../rss-of.ts";
import { listedProject } from "./listed-project.ts";
import { startImageServer, type ImageSizes } from "./image-server.ts";

/** Just below harvest.max_image_mb's default. */
const LARGE: ImageSizes = { fromBytes: 64_000_000, toBytes: 64_000_000 };
const LARGE_IMAGES = 48;
const SMALL: ImageSizes = { fromBytes: 10_000, toBytes: 14_000 };
const FEW = 1_000;
const MANY = 20_000;
const FULL = 200_000;
const TIMEOUT_MS = 3_600_000;

interface Run {
  readonly largeMb: number;
  readonly fewMb: number;
  readonly manyMb: number;
  readonly peakMb: number;
  readonly missing: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** What harvest takes of memory, into a folder. */
export const memoryScenario: Scenario = {
  name: "memory",
  summary: "48 images of 64 MB at concurrency 16; after 1,000 and after 20,000 small ones (200,000 with --full)",
  async run(options) {
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runOnce(options));
    const figure = figuresOf("memory", runs);
    return [
      figure("peak RSS with images of 64 MB", "MB", { of: ({ largeMb }) => largeMb, target: { atMost: 300 } }),
      figure("RSS after 1,000 small images", "MB", { of: ({ fewMb }) => fewMb }),
      figure("RSS after all of them", "MB", { of: ({ manyMb }) => manyMb }),
      figure("difference", "MB", { of: ({ fewMb, manyMb }) => manyMb - fewMb, target: { atLeast: -50, atMost: 50 } }),
      figure("peak RSS", "MB", { of: ({ peakMb }) => peakMb }),
      figure("small images", "/s", { of: ({ wallMs }) => (sizeOf(options) * 1_000) / wallMs }),
      figure("CPU a small image", "ms", { of: ({ cpuMs }) => cpuMs / sizeOf(options) }),
      figure("images not stored", "", { of: ({ missing }) => missing, target: { atMost: 0 } }),
    ];
  },
};

function sizeOf({ full, scale }: BenchOptions): number {
  return Math.max(2 * FEW, Math.round((full ? FULL : MANY) * scale));
}

async function runOnce(options: BenchOptions): Promise<Run> {
  const large = await harvestAll(LARGE, Math.max(16, Math.round(LARGE_IMAGES * options.scale)));
  options.tell(`  64 MB: peak ${large.rssMb.toFixed(0)} MB, ${(large.wallMs / 1_000).toFixed(1)} s, ${large.missing} not stored`);
  const small = await harvestAll(SMALL, sizeOf(options));
  const [fewMb, manyMb] = [small.rssAt.get(FEW) ?? Number.NaN, small.rssAt.get(sizeOf(options)) ?? Number.NaN];
  options.tell(`  small: ${fewMb.toFixed(0)} MB after ${FEW}, ${manyMb.toFixed(0)} MB after all, peak ${small.rssMb.toFixed(0)} MB`);
  const { rssMb: peakMb, wallMs, cpuMs } = small;
  return { largeMb: large.rssMb, fewMb, manyMb, peakMb, wallMs, cpuMs, missing: large.missing + small.missing };
}

async function harvestAll(sizes: ImageSizes, images: number) {
  await using server = await startImageServer(sizes);
  using project = await listedProject({ jobs: images, url: server.url });
  const rssAt = new Map<number, number>();
  let stored = 0;
  const measured = await measuredProcess(project.command("harvest"), {
    timeoutMs: TIMEOUT_MS,
    onLine(line, child) {
      if (!line.startsWith('{"event":"stored"')) return;
      stored++;
      if (stored === FEW || stored === images) rssAt.set(stored, rssOf(child.pid ?? 0));
    },
  });
  return { ...measured, rssAt, missing: images - stored };
}
