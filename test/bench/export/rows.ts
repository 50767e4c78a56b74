import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { IMAGES_PER_PROMPT, linkableProject } from "../annotate/linkable-project.ts";
import type { BenchProject } from "../bench-project.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";
import { timedCommand, type Timed } from "../harvest/timed-command.ts";
import type { Measured } from "../measured-process.ts";
import { median } from "../median.ts";
import { configure } from "./configure.ts";
import { firstRows, shareOfSame } from "./same-rows.ts";
import { FLAT_ROWS, SHELL_ROWS } from "./shell-rows.ts";
import { successfulProcess } from "./successful-process.ts";

const ROWS = 1_000_000;
/** Of the full size: what the time a row is compared with. */
const SMALL_SHARE = 0.05;
const SAMPLE_ROWS = 500;
const PYTHON = join(import.meta.dirname, "../../../.venv/bin/python");
const DUCKDB = join(import.meta.dirname, "duckdb_rows.py");
/** `sqlite3` reads with the page cache that an export of ours has. */
const SHELL_CACHE = "pragma cache_size = -32768";

interface Run {
  readonly gzip: Measured;
  readonly plain: Measured;
  /** What the command does before it exports, alone: nothing to change. */
  readonly link: Measured;
  readonly duckdbGzip: Timed;
  readonly duckdbPlain: Timed;
  readonly shellGzip: Timed;
  readonly shellPlain: Timed;
}

interface Size {
  readonly rows: number;
  readonly runs: readonly Run[];
  readonly sameAsDuckdb: number;
  readonly sameAsShell: number;
}

/** The whole command against tools that do nothing but the rows, by turns, on the same pairs. */
export const rowsScenario: Scenario = {
  name: "rows",
  summary: "1,000,000 rows of 4 images: JSONL, plain and gzip, against DuckDB and sqlite3 | gzip; a twentieth of it for the time a row",
  async run(options) {
    const rows = Math.round(ROWS * options.scale);
    const small = await measureSize(Math.round(rows * SMALL_SHARE), options);
    const size = await measureSize(rows, options);
    const figure = figuresOf("rows", size.runs);
    const smallRow = median(small.runs.map(({ gzip, link }) => (gzip.cpuMs - link.cpuMs) / small.rows));
    return [
      figure("gzip: CPU of export beyond link : DuckDB", "×", {
        of: ({ gzip, link, duckdbGzip }) => (gzip.cpuMs - link.cpuMs) / duckdbGzip.cpuMs,
        target: { atMost: 0.65 },
      }),
      figure("gzip: CPU of export beyond link : sqlite3 | gzip", "×", {
        of: ({ gzip, link, shellGzip }) => (gzip.cpuMs - link.cpuMs) / shellGzip.cpuMs,
        target: { atMost: 1 },
      }),
      figure("plain: wall of export beyond link : sqlite3", "×", {
        of: ({ plain, link, shellPlain }) => (plain.wallMs - link.wallMs) / shellPlain.wallMs,
        target: { atMost: 1.2 },
      }),
      figure("peak RSS, gzip", "MB", { of: ({ gzip }) => gzip.rssMb, target: { atMost: 250 } }),
      figure("peak RSS, plain", "MB", { of: ({ plain }) => plain.rssMb, target: { atMost: 250 } }),
      figure(`CPU a row beyond link : with ${small.rows} rows`, "×", {
        of: ({ gzip, link }) => (gzip.cpuMs - link.cpuMs) / size.rows / smallRow,
        target: { atMost: 1.15 },
      }),
      figure("gzip: CPU of the whole command, links checked again", "s", { of: ({ gzip }) => gzip.cpuMs / 1_000 }),
      figure("gzip: its wall", "s", { of: ({ gzip }) => gzip.wallMs / 1_000 }),
      figure("plain: CPU of the whole command", "s", { of: ({ plain }) => plain.cpuMs / 1_000 }),
      figure("plain: its wall", "s", { of: ({ plain }) => plain.wallMs / 1_000 }),
      figure("link alone, start-up included: CPU", "s", { of: ({ link }) => link.cpuMs / 1_000 }),
      figure("link alone: wall", "s", { of: ({ link }) => link.wallMs / 1_000 }),
      figure("peer: DuckDB, gzip: CPU", "s", { of: ({ duckdbGzip }) => duckdbGzip.cpuMs / 1_000 }),
      figure("peer: DuckDB, gzip: wall", "s", { of: ({ duckdbGzip }) => duckdbGzip.wallMs / 1_000 }),
      figure("peer: DuckDB, plain: CPU", "s", { of: ({ duckdbPlain }) => duckdbPlain.cpuMs / 1_000 }),
      figure("peer: sqlite3 | gzip: CPU", "s", { of: ({ shellGzip }) => shellGzip.cpuMs / 1_000 }),
      figure("peer: sqlite3, plain: wall", "s", { of: ({ shellPlain }) => shellPlain.wallMs / 1_000 }),
      figure(`rows equal to DuckDB's, of ${SAMPLE_ROWS}`, "%", { of: () => 100 * size.sameAsDuckdb, target: { atLeast: 100 } }),
      figure(`rows equal to the shell's, of ${SAMPLE_ROWS}`, "%", { of: () => 100 * size.sameAsShell, target: { atLeast: 100 } }),
    ];
  },
};

async function measureSize(rows: number, options: BenchOptions): Promise<Size> {
  using project = await linkableProject({ prompts: rows });
  await successfulProcess(project.command("link"));
  const inFolder = (name: string): string => join(project.dir, name);
  await peer("sh", [
    "-c",
    `sqlite3 -readonly -csv -header "$1" "$2" > "$3"`,
    "sh",
    inFolder("runs/pipeline.db"),
    FLAT_ROWS,
    inFolder("flat.csv"),
  ]);
  await peer(PYTHON, [DUCKDB, "prepare", inFolder("flat.csv"), inFolder("flat.parquet")]);
  rmSync(inFolder("flat.csv"));
  options.tell(
    `  ${rows} rows, ${rows * IMAGES_PER_PROMPT} images: database of ${(statSync(inFolder("runs/pipeline.db")).size / 2 ** 20).toFixed(0)} MB made`,
  );
  const runs: Run[] = [];
  for (let index = 0; index < options.runs; index++) {
    const run = await measureOnce(project);
    options.tell(
      `  CPU: export ${seconds(run.gzip)}, link ${seconds(run.link)}, DuckDB ${seconds(run.duckdbGzip)}, sqlite3 | gzip ${seconds(run.shellGzip)}`,
    );
    runs.push(run);
  }
  const shard = rows > 10_000 ? "train-00000-of-00016" : "train-00000-of-00001";
  const sample = await firstRows(inFolder(`runs/plain/v1/data/${shard}.jsonl`), Math.min(SAMPLE_ROWS, rows));
  const [sameAsDuckdb, sameAsShell] = [
    await shareOfSame(sample, inFolder("duckdb.json")),
    await shareOfSame(sample, inFolder("shell.json")),
  ];
  return { rows, runs, sameAsDuckdb, sameAsShell };
}

/** Everything once, one after the other. */
async function measureOnce(project: BenchProject): Promise<Run> {
  const inFolder = (name: string): string => join(project.dir, name);
  const shell = (gzip: boolean): Promise<Timed> => {
    const script = `sqlite3 -readonly -cmd "$1" "$2" "$3" ${gzip ? "| gzip -6 " : ""}> "$4"`;
    return peer("sh", [
      "-c",
      script,
      "sh",
      SHELL_CACHE,
      inFolder("runs/pipeline.db"),
      SHELL_ROWS,
      inFolder(gzip ? "shell.gz" : "shell.json"),
    ]);
  };
  const duckdb = (gzip: boolean): Promise<Timed> =>
    peer(PYTHON, [DUCKDB, inFolder("flat.parquet"), inFolder(gzip ? "duckdb.gz" : "duckdb.json"), gzip ? "gzip" : "none"]);
  const exported = async (uri: string, gzip: boolean): Promise<Measured> => {
    rmSync(inFolder(`runs/${uri}`), { recursive: true, force: true });
    configure(project, { export: { uri, gzip, card: { samples: 0 } } }); // None of the images exists: the card shows none.
    return successfulProcess(project.command("export"));
  };
  return {
    gzip: await exported("gzip", true),
    shellGzip: await shell(true),
    duckdbGzip: await duckdb(true),
    link: await successfulProcess(project.command("link")),
    plain: await exported("plain", false),
    shellPlain: await shell(false),
    duckdbPlain: await duckdb(false),
  };
}

async function peer(command: string, args: readonly string[]): Promise<Timed> {
  const timed = await timedCommand(command, args);
  if (timed.exit !== 0) {
    throw new Error(
      `${command} ended with ${timed.exit}: it wants sqlite3, and .venv/bin/pip install -r test/bench/export/parts.txt (${timed.said})`,
    );
  }
  return timed;
}

function seconds({ cpuMs }: { readonly cpuMs: number }): string {
  return `${(cpuMs / 1_000).toFixed(1)} s`;
}
