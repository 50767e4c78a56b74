import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../../src/db/open.ts";
import { benchProject } from "../bench-project.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { healthyServers, startBenchEmulators } from "../emulators.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess } from "../measured-process.ts";
import { rssOf } from "../rss-of.ts";

const IMAGES = 200_000;
const SERVERS = 4;
const SAMPLE_MS = 1_000;
/** Points of the curve that are shown. */
const POINTS = 10;
const TIMEOUT_MS = 6 * 3_600_000;

interface Run {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
  /** At a tenth, at two tenths, … of the time. */
  readonly curveMb: readonly number[];
  readonly missing: number;
  readonly rows: number;
}

/** A night in fast motion: the whole pipeline on servers that take no time. */
export const rehearsalScenario: Scenario = {
  name: "rehearsal",
  summary: "200,000 images of 64×64 through run to export; once, and not among the others unless asked for",
  async run(options) {
    if (options.only.length === 0) {
      options.tell("  only with --only rehearsal");
      return [];
    }
    const figure = figuresOf("rehearsal", [await runOnce(options)]);
    return [
      figure("candidates that are not stored", "", { of: ({ missing }) => missing, target: { atMost: 0 } }),
      figure("rows exported", "", { of: ({ rows }) => rows, target: { atLeast: 1 } }),
      figure("time", "s", { of: ({ wallMs }) => wallMs / 1_000 }),
      figure("CPU", "s", { of: ({ cpuMs }) => cpuMs / 1_000 }),
      figure("peak RSS", "MB", { of: ({ peakMb }) => peakMb }),
      ...Array.from({ length: POINTS }, (_, index) =>
        figure(`RSS at ${((index + 1) * 100) / POINTS} % of the time`, "MB", { of: ({ curveMb }) => curveMb[index] ?? Number.NaN }),
      ),
    ];
  },
};

async function runOnce(options: BenchOptions): Promise<Run> {
  const images = Math.max(40, Math.round(IMAGES * options.scale));
  await using emulators = await startBenchEmulators(healthyServers(SERVERS, 0));
  using project = benchProject({ jobs: images, urls: emulators.urls });
  const samples: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  const { exit, wallMs, cpuMs, rssMb, said } = await measuredProcess(project.command("run"), {
    timeoutMs: TIMEOUT_MS,
    onSpawn: (child) => void (timer = setInterval(() => samples.push(rssOf(child.pid ?? 0)), SAMPLE_MS)),
  });
  clearInterval(timer);
  if (exit !== 0) options.tell(`  run ended with ${exit}: ${said.slice(-500)}`);
  const curveMb = Array.from(
    { length: POINTS },
    (_, index) => samples[Math.ceil(((index + 1) * samples.length) / POINTS) - 1] ?? Number.NaN,
  );
  const curve = curveMb.map((mb) => mb.toFixed(0)).join(" ");
  options.tell(`  ${images} images: ${(wallMs / 1_000).toFixed(0)} s, peak ${rssMb.toFixed(0)} MB; RSS over time: ${curve} MB`);
  return { wallMs, cpuMs, peakMb: rssMb, curveMb, missing: images - storedImages(project.dir), rows: exportedRows(project.dir) };
}

function storedImages(dir: string): number {
  const db = openDatabase(join(dir, "runs/pipeline.db"));
  try {
    return db.client.prepare<[], number>("select count(*) from images where state = 'stored'").pluck().get() ?? 0;
  } finally {
    db.close();
  }
}

function exportedRows(dir: string): number {
  // Written by export, format of this repository.
  const { counts } = JSON.parse(readFileSync(join(dir, "runs/export/v1/manifest.json"), "utf8")) as {
    readonly counts: { readonly rows: number };
  };
  return counts.rows;
}
