import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkableProject } from "../annotate/linkable-project.ts";
import type { BenchProject } from "../bench-project.ts";
import type { Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import type { Measured } from "../measured-process.ts";
import { configure } from "./configure.ts";
import { storeImages } from "./stored-images.ts";
import { successfulProcess } from "./successful-process.ts";

const PAIRS = 2_000;
const SIZES = { fromBytes: 300_000, toBytes: 1_500_000 };
const COPY = join(import.meta.dirname, "copy-images.ts");

interface Run {
  readonly ours: Measured;
  /** What the command does before it exports, alone: nothing to change. */
  readonly link: Measured;
  readonly copy: Measured;
}

/** Parquet with the images' bytes against a loop that copies the same files and hashes them twice, by turns. */
export const parquetScenario: Scenario = {
  name: "parquet",
  summary: "2,000 pairs of images of 0.3 to 1.5 MB from a folder into a folder, against copying and hashing the same bytes twice",
  async run(options) {
    using project = await linkableProject({ prompts: Math.round(PAIRS * options.scale), perPrompt: 2 });
    const { files, bytes } = storeImages(project, SIZES);
    const list = join(project.dir, "images.txt");
    writeFileSync(list, files.join("\n"));
    configure(project, { store: { uri: "file:store" }, export: { uri: "parquet", formats: ["jsonl", "parquet"], card: { samples: 0 } } });
    await successfulProcess(project.command("link"));
    const megabytes = bytes / 1e6;
    options.tell(`  ${files.length} images, ${megabytes.toFixed(0)} MB`);
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) {
      const run = await measureOnce(project, list);
      const { ours, link, copy } = run;
      options.tell(
        `  CPU: export ${seconds(ours.cpuMs)}, link ${seconds(link.cpuMs)}, copy ${seconds(copy.cpuMs)}; wall ${seconds(ours.wallMs)}, ${seconds(link.wallMs)}, ${seconds(copy.wallMs)}; RSS ${ours.rssMb.toFixed(0)} MB`,
      );
      runs.push(run);
    }
    const figure = figuresOf("parquet", runs);
    return [
      figure("speed by CPU, export beyond link : copy", "%", {
        of: ({ ours, link, copy }) => (100 * copy.cpuMs) / (ours.cpuMs - link.cpuMs),
        target: { atLeast: 80 },
      }),
      figure("speed by wall, export beyond link : copy", "%", {
        of: ({ ours, link, copy }) => (100 * copy.wallMs) / (ours.wallMs - link.wallMs),
      }),
      figure("peak RSS", "MB", { of: ({ ours }) => ours.rssMb, target: { atMost: 250 } }),
      figure("export beyond link, by CPU", "MB/s", { of: ({ ours, link }) => megabytes / ((ours.cpuMs - link.cpuMs) / 1_000) }),
      figure("export beyond link, by wall", "MB/s", { of: ({ ours, link }) => megabytes / ((ours.wallMs - link.wallMs) / 1_000) }),
      figure("peer: copy, by CPU", "MB/s", { of: ({ copy }) => megabytes / (copy.cpuMs / 1_000) }),
      figure("peer: copy, by wall", "MB/s", { of: ({ copy }) => megabytes / (copy.wallMs / 1_000) }),
    ];
  },
};

/** Everything once, one after the other. */
async function measureOnce(project: BenchProject, list: string): Promise<Run> {
  const copied = join(project.dir, "copied");
  const copy = await successfulProcess([COPY, list, copied]);
  rmSync(copied);
  rmSync(join(project.dir, "runs/parquet"), { recursive: true, force: true });
  return { copy, ours: await successfulProcess(project.command("export")), link: await successfulProcess(project.command("link")) };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
