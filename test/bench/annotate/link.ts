import type { BenchOptions, Scenario } from "../benchmark.ts";
import type { Figure } from "../figure.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess, type Measured } from "../measured-process.ts";
import { median } from "../median.ts";
import { IMAGES_PER_PROMPT, linkableProject } from "./linkable-project.ts";

const PROMPTS = 50_000;
const LARGE_FACTOR = 10;
const FULL_FACTOR = 20;
/** Of the first linking of 200,000 images; what an image may then cost at any size, 0.05 ms. */
const WALL_S_MAX = 10;
/**
 * Twice the images may cost an image so much more. Between sizes that no page cache holds: below them each row that is written finds its
 * pages
 * of the indexes of hashes in the cache, which says nothing about growth.
 */
const GROWTH_MAX = 1.15;
const TIMEOUT_MS = 1_800_000;

interface Run {
  /** The first linking: every row is written. */
  readonly first: Measured;
  /** The same again: nothing changed. */
  readonly again: Measured;
}

/** The real command, as often as asked at the full size, once at sizes that show whether it is linear. */
export const linkScenario: Scenario = {
  name: "link",
  summary: "linking 200,000 images of 50,000 prompts, a vote on each; the same again; 10 times that (--full: also 20 times, 4,000,000)",
  async run(options) {
    const prompts = Math.round(PROMPTS * options.scale);
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await linkTwice(prompts, options));
    const figure = figuresOf("link", runs);
    let smaller: Sized = { name: "1 ×", perImageMs: median(runs.map(({ first }) => first.wallMs / (prompts * IMAGES_PER_PROMPT))) };
    const large: Figure[] = [];
    for (const factor of options.full ? [LARGE_FACTOR, FULL_FACTOR] : [LARGE_FACTOR]) {
      const { figures, sized } = await measureLarge(factor, { prompts, smaller, options });
      large.push(...figures);
      smaller = sized;
    }
    return [
      figure("wall", "s", { of: ({ first }) => first.wallMs / 1_000, target: { atMost: WALL_S_MAX } }),
      figure("CPU", "s", { of: ({ first }) => first.cpuMs / 1_000 }),
      figure("peak RSS", "MB", { of: ({ first }) => first.rssMb, target: { atMost: 300 } }),
      figure("nothing changed: wall", "s", { of: ({ again }) => again.wallMs / 1_000 }),
      ...large,
    ];
  },
};

interface Sized {
  readonly name: string;
  /** Wall time. */
  readonly perImageMs: number;
}

interface Large {
  readonly prompts: number;
  /** What the time an image is compared with. */
  readonly smaller: Sized;
  readonly options: BenchOptions;
}

async function measureLarge(factor: number, { prompts, smaller, options }: Large) {
  const runs = [await linkTwice(prompts * factor, options)];
  const figure = figuresOf("link", runs);
  const images = prompts * factor * IMAGES_PER_PROMPT;
  const sized: Sized = { name: `${factor} ×`, perImageMs: median(runs.map(({ first }) => first.wallMs / images)) };
  const growth = factor > LARGE_FACTOR ? { target: { atMost: GROWTH_MAX } } : {};
  const figures = [
    figure(`${factor} × the images: time an image`, "ms", {
      of: () => sized.perImageMs,
      target: { atMost: (WALL_S_MAX * 1_000) / (PROMPTS * IMAGES_PER_PROMPT) },
    }),
    figure(`${factor} × the images: time an image, ${smaller.name} = 1`, "×", {
      of: () => sized.perImageMs / smaller.perImageMs,
      ...growth,
    }),
    figure(`${factor} × the images: wall`, "s", { of: ({ first }) => first.wallMs / 1_000 }),
    figure(`${factor} × the images: peak RSS`, "MB", { of: ({ first }) => first.rssMb, target: { atMost: 300 } }),
    figure(`${factor} × the images: nothing changed`, "s", { of: ({ again }) => again.wallMs / 1_000 }),
  ];
  return { figures, sized };
}

async function linkTwice(prompts: number, options: BenchOptions): Promise<Run> {
  using project = await linkableProject({ prompts });
  const first = await linked(project.command("link"));
  const again = await linked(project.command("link"));
  const [once, twice] = [first, again].map(({ wallMs, rssMb }) => `${(wallMs / 1_000).toFixed(1)} s, ${rssMb.toFixed(0)} MB`);
  options.tell(`  ${prompts} prompts: ${once}; again: ${twice}`);
  return { first, again };
}

async function linked(command: readonly string[]): Promise<Measured> {
  let rows = 0;
  const measured = await measuredProcess(command, {
    timeoutMs: TIMEOUT_MS,
    onLine(line) {
      if (line.startsWith('{"event":"done"')) rows = (JSON.parse(line) as { readonly rows: number }).rows; // The last event of link.
    },
  });
  if (measured.exit !== 0 || rows === 0) throw new Error(`link ended with ${measured.exit} and ${rows} rows: ${measured.said}`);
  return measured;
}
