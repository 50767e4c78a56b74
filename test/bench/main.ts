import { cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { annotateBenchmark } from "./annotate/annotate-benchmark.ts";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { isMet, type Figure } from "./figure.ts";
import { exportBenchmark } from "./export/export-benchmark.ts";
import { generateBenchmark } from "./generate/generate-benchmark.ts";
import { harvestBenchmark } from "./harvest/harvest-benchmark.ts";
import { pageBenchmark } from "./page/page-benchmark.ts";
import { table } from "./table.ts";

// `pnpm bench NAME`: measures the real command in its own process against emulators in theirs, all on loopback.

const BENCHMARKS: readonly Benchmark[] = [generateBenchmark, harvestBenchmark, annotateBenchmark, pageBenchmark, exportBenchmark];
const DEFAULT_RUNS = 3;

function help(): string {
  const lines = BENCHMARKS.flatMap(({ name, summary, scenarios }) => [
    `  ${name}: ${summary}`,
    ...scenarios.map((scenario) => `    ${scenario.name.padEnd(10)} ${scenario.summary}`),
  ]);
  return `pnpm bench NAME [--only SCENARIO,…] [--runs ${DEFAULT_RUNS}] [--scale 1] [--full] [--json]

  --only   these scenarios
  --runs   how often each is run; figures are medians
  --scale  a share of the full size, for a quick look: targets hold for 1
  --full   sizes that take hours, where a scenario has them
  --json   the figures as JSON on stdout, instead of the table
Exit code 1: a target was missed.

${lines.join("\n")}
`;
}

interface Asked {
  readonly benchmark: Benchmark;
  readonly options: BenchOptions;
  readonly json: boolean;
}

/** Null where help was asked for. @throws {Error} for what cannot be run. */
function askedOf(argv: readonly string[]): Asked | null {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      runs: { type: "string", default: String(DEFAULT_RUNS) },
      scale: { type: "string", default: "1" },
    },
  });
  if (values.help) return null;
  const benchmark = BENCHMARKS.find(({ name }) => name === positionals[0]);
  if (benchmark === undefined || positionals.length > 1) throw new Error("expected the name of one benchmark");
  const options: BenchOptions = {
    runs: Number(values.runs),
    scale: Number(values.scale),
    full: values.full,
    only: values.only.split(",").filter(Boolean),
    tell: (line) => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`),
  };
  if (!(options.runs >= 1) || !(options.scale > 0 && options.scale <= 1)) throw new Error("--runs is from 1, --scale above 0 and up to 1");
  const unknown = options.only.find((name) => !benchmark.scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new Error(`there is no scenario "${unknown}"`);
  return { benchmark, options, json: values.json };
}

async function measure({ benchmark, options, json }: Asked): Promise<number> {
  const figures: Figure[] = [];
  const loads = [loadOfLastMinute()];
  for (const scenario of benchmark.scenarios) {
    if (options.only.length > 0 && !options.only.includes(scenario.name)) continue;
    options.tell(`${scenario.name}: ${scenario.summary}`);
    figures.push(...(await scenario.run(options)));
    loads.push(loadOfLastMinute());
  }
  const machine = { node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model, memoryMb: totalmem() / 2 ** 20, loads };
  const { runs, scale } = options;
  const shown = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
  process.stdout.write(
    json ? `${JSON.stringify({ benchmark: benchmark.name, runs, scale, machine, figures: shown })}\n` : `${table(figures)}\n`,
  );
  options.tell(`load of the last minute, before and after each scenario: ${loads.map((load) => load.toFixed(1)).join(" ")}`);
  return figures.some((figure) => isMet(figure) === false) ? 1 : 0;
}

/** A machine that is busy with other things explains an odd figure. */
function loadOfLastMinute(): number {
  return loadavg()[0] ?? Number.NaN;
}

function askedOrNull(): Asked | null {
  try {
    return askedOf(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`Cannot run it: ${error instanceof Error ? error.message : String(error)}\n\n`);
    process.exitCode = 2;
    return null;
  }
}

const asked = askedOrNull();
if (asked === null) process.stdout.write(help());
else process.exitCode = await measure(asked);
