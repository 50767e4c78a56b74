import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { loadConfig } from "../../config/load-config.ts";
import type { Context } from "../../context.ts";
import { openReadonly } from "../../db/open.ts";
import { countLinked } from "../../db/queries/annotate/preferences.ts";
import { type HistogramBin, scoreHistogram } from "../../db/queries/overview/report.ts";
import { countReasons, summarize } from "../../db/queries/overview/summary.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { openJudges } from "../../judges/registry.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { makeFolder } from "../../lib/files/make-folder.ts";
import { calibrate, type Calibration } from "../../stages/annotate/calibrate/calibrate.ts";
import type { CommandResult } from "../command.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";
import { calibrationEvent, calibrationTables } from "./calibration.ts";
import { contactSheet } from "./contact-sheet.ts";
import { escapeHtml, tableRow } from "./html.ts";

/** The share of agreement with people from which on a judge is trusted: what HPDv3 keeps is 0.95, what two people agree on is less. */
const PRECISION = 0.9;

/** Compares judges with people's votes and writes the HTML report. */
export async function run(input: InputOf<"report">): Promise<CommandResult> {
  const precision = readPrecision(input);
  const config = loadConfig(input.options.config, { env: input.env });
  const db = openReadonly(databaseFile(config), hintFor(input));
  try {
    const out = resolve(input.options.out ?? join(config.dir, "report.html"));
    const judges = openJudges(config.annotate.judges);
    const calibrations = await calibrate({ config, db, judges, signal: input.signal, precision });
    const uri = await writeReport({ config, db, judges }, { out, calibrations, precision });
    for (const calibration of calibrations) input.show(calibrationEvent(calibration, precision), null);
    input.show({ event: "report", uri }, uri);
    return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }) } };
  } finally {
    db.close();
  }
}

interface ReportParts {
  /** The file to write. */
  readonly out: string;
  readonly calibrations: readonly Calibration[];
  readonly precision: number;
}

/** Writes one HTML page that needs nothing beside it: counts, failures, scores, judges beside people, a contact sheet. Returns its file URL. */
export async function writeReport(
  { config, db, judges }: Pick<Context, "config" | "db" | "judges">,
  { out, calibrations, precision }: ReportParts,
): Promise<string> {
  const pairSet = config.export.pairs;
  const scored = judges.map(({ name, version }) => ({ judge: name, version }));
  const body = [
    `<h1>${escapeHtml(config.dataset)}</h1>`,
    table(
      "Candidates",
      Object.entries(summarize(db)).map(([name, count]) => [name, String(count)]),
    ),
    table(
      "Failures and rejections",
      countReasons(db).map(({ what, reason, count, example }) => [`${what}: ${reason}`, String(count), example ?? ""]),
    ),
    table(
      `Left out of the pair set “${pairSet}”`,
      Object.entries(countLinked(db, pairSet).drops).map(([reason, count]) => [reason.replace(":", ": "), String(count)]),
    ),
    ...[...Map.groupBy(scoreHistogram(db, scored), (bin) => bin.judge)].map(([judge, bins]) => histogram(judge, bins)),
    calibrationTables(calibrations, { precision, severalCriteria: config.annotate.criteria.length > 1 }),
    await contactSheet({ config, db }),
  ].join("\n");
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(config.dataset)}</title><style>${STYLE}</style><body>${body}</body></html>\n`;
  try {
    makeFolder(dirname(out));
    await writeFile(`${out}.tmp`, page);
    await rename(`${out}.tmp`, out);
  } catch (error) {
    await rm(`${out}.tmp`, { force: true });
    throw new ConfigError(`Cannot write the report ${out}: ${fileProblem(error)}`, { hint: "--out with another file", cause: error });
  }
  return pathToFileURL(out).href;
}

function readPrecision({ options }: Pick<InputOf<"report">, "options">): number {
  const value = options.precision;
  if (value === undefined) return PRECISION;
  const precision = Number(value);
  if (!/^\d*\.?\d+$/.test(value) || precision <= 0.5 || precision >= 1) {
    throw new ConfigError(`Cannot read --precision ${value}: expected a share above 0.5 (guessing) and below 1`, {
      hint: `--precision ${PRECISION}`,
    });
  }
  return precision;
}

function histogram(judge: string, bins: readonly HistogramBin[]): string {
  const highest = Math.max(...bins.map((bin) => bin.count));
  const bars = bins.map(
    ({ bin, count }) =>
      `<rect x="${bin * 20}" y="${100 - (count / highest) * 100}" width="18" height="${(count / highest) * 100}"><title>${count}</title></rect>`,
  );
  const [first] = bins;
  const range = first === undefined ? "" : `${first.low.toFixed(3)} … ${first.high.toFixed(3)}`;
  return `<h2>Scores of ${escapeHtml(judge)}</h2><svg viewBox="0 0 400 100" role="img" aria-label="histogram">${bars.join("")}</svg><p class="range">${range}</p>`;
}

function table(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  return `<h2>${escapeHtml(title)}</h2><table>${rows.map(tableRow).join("")}</table>`;
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th { text-align: left; padding-right: .8rem; } td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
svg { width: 400px; height: 100px; fill: #4a7fd0; } .range, .by { margin: 0; color: #888; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; } figure { margin: 0; width: 200px; border: 4px solid transparent; border-radius: 6px; }
img, .none { width: 100%; display: block; border-radius: 3px; } .none { height: 120px; background: #8883; }
.chosen { border-color: #2c9c5a; } .rejected { border-color: #c8553d; } .unused img { opacity: .45; } figcaption { font-size: 12px; padding: .2rem; }
`;
