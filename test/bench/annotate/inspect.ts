import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess, type Measured } from "../measured-process.ts";
import { storedProject } from "./stored-project.ts";

/** So many that the start of the processes is no more than a few hundredths of it. */
const IMAGES = 1_200;
const SIDE_PX = 1_024;
const TIMEOUT_MS = 900_000;
const BARE_LOOP = join(import.meta.dirname, "bare-loop-process.ts");

interface Run {
  readonly ours: Measured;
  /** The same pixel hash as ours. */
  readonly bare: Measured;
  /** Hashes three channels only: another hash than ours, and less to do. */
  readonly barest: Measured;
}

/** Both look at the same files, from start to exit of their process; who begins changes with each run. */
export const inspectScenario: Scenario = {
  name: "inspect",
  summary: "1,200 PNGs of 1024 × 1024: judge with the builtin judge, and a bare loop of decode, hash, thumbnail",
  async run(options) {
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runBoth(options, index));
    const figure = figuresOf("inspect", runs);
    return [
      figure("rate, ours : bare loop", "%", { of: ({ ours, bare }) => (100 * bare.wallMs) / ours.wallMs, target: { atLeast: 90 } }),
      // On a machine that is busy with other things this is the steadier figure.
      figure("CPU, bare loop : ours", "%", { of: ({ ours, bare }) => (100 * bare.cpuMs) / ours.cpuMs }),
      figure("rate, ours : a loop that hashes RGB", "%", { of: ({ ours, barest }) => (100 * barest.wallMs) / ours.wallMs }),
      figure("CPU, that loop : ours", "%", { of: ({ ours, barest }) => (100 * barest.cpuMs) / ours.cpuMs }),
      figure("images", "/s", { of: ({ ours }) => (imagesOf(options) * 1_000) / ours.wallMs }),
      figure("CPU an image", "ms", { of: ({ ours }) => ours.cpuMs / imagesOf(options) }),
      figure("peak RSS", "MB", { of: ({ ours }) => ours.rssMb }),
      figure("bare loop: images", "/s", { of: ({ bare }) => (imagesOf(options) * 1_000) / bare.wallMs }),
      figure("bare loop: CPU an image", "ms", { of: ({ bare }) => bare.cpuMs / imagesOf(options) }),
    ];
  },
};

function imagesOf({ scale }: BenchOptions): number {
  return Math.max(8, Math.round((IMAGES * scale) / 4) * 4);
}

async function runBoth(options: BenchOptions, index: number): Promise<Run> {
  using project = await storedProject({ images: imagesOf(options), sidePx: SIDE_PX, isInspected: false, annotate: {} });
  const list = join(project.dir, "paths.json");
  writeFileSync(list, JSON.stringify(project.paths));
  const runOurs = () => measuredProcess(project.command("judge"), { timeoutMs: TIMEOUT_MS });
  const runBare = (channels: "rgba" | "rgb") => measuredProcess([BARE_LOOP, list, channels], { timeoutMs: TIMEOUT_MS });
  const first = index % 2 === 0 ? await runOurs() : null;
  const bare = await runBare("rgba");
  const barest = await runBare("rgb");
  const ours = first ?? (await runOurs());
  for (const { exit, said } of [ours, bare, barest]) if (exit !== 0) throw new Error(`It ended with ${exit}: ${said.slice(-500)}`);
  const told = [ours, bare, barest].map(({ wallMs, cpuMs }) => `${(wallMs / 1_000).toFixed(1)} s, CPU ${(cpuMs / 1_000).toFixed(1)} s`);
  options.tell(`  ours: ${told.join("; bare loop: ")}`);
  return { ours, bare, barest };
}
