import { readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Context } from "../context.ts";
import { openReadonly } from "../db/open.ts";
import { contactSheet, dropsByReason, scoreHistogram, type HistogramBin, type SheetImage } from "../db/queries/report.ts";
import { countReasons, summarize } from "../db/queries/summary.ts";
import { loadConfig } from "../config/load-config.ts";
import { EXIT } from "../errors.ts";
import { thumbnailPath } from "../images/thumbnail-path.ts";
import { configFileOf, databaseFile } from "../open-context.ts";
import type { CommandInput, CommandResult } from "./command.ts";

const GROUPS_SHOWN = 20;

export async function run(input: CommandInput): Promise<CommandResult> {
  const config = loadConfig(configFileOf(input), { env: input.env });
  const db = openReadonly(databaseFile(config));
  try {
    const out = typeof input.options["out"] === "string" ? resolve(input.options["out"]) : join(config.dir, "report.html");
    input.print(await writeReport({ config, db }, out));
    return { exit: EXIT.done, counts: { ...summarize(db) } };
  } finally {
    db.close();
  }
}

/** Writes one HTML page that needs nothing beside it: counts, failures, score histograms, a contact sheet. Answers its file URL. */
export async function writeReport({ config, db }: Pick<Context, "config" | "db">, out: string): Promise<string> {
  const pairSet = config.export.pairs;
  const sheet = contactSheet(db, { pairSet, groups: GROUPS_SHOWN });
  const thumbnails = new Map(await Promise.all(sheet.map(async ({ imageId }) => [imageId, await dataUri(config.dir, imageId)] as const)));
  const groups = [...Map.groupBy(sheet, (image) => image.promptKey).values()];
  const body = [
    `<h1>${escape(config.dataset)}</h1>`,
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
      dropsByReason(db, pairSet).map(({ unit, reason, count }) => [`${unit}: ${reason}`, String(count)]),
    ),
    ...[...Map.groupBy(scoreHistogram(db), (bin) => bin.judge)].map(([judge, bins]) => histogram(judge, bins)),
    `<h2>The first ${groups.length} linked prompts</h2>`,
    ...groups.map((images) => contactRow(images, thumbnails)),
  ].join("\n");
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(config.dataset)}</title><style>${STYLE}</style><body>${body}</body></html>\n`;
  await writeFile(`${out}.tmp`, page);
  await rename(`${out}.tmp`, out);
  return pathToFileURL(out).href;
}

async function dataUri(dir: string, imageId: string): Promise<string | null> {
  try {
    return `data:image/webp;base64,${(await readFile(thumbnailPath(dir, imageId))).toString("base64")}`;
  } catch {
    return null; // Not inspected, or its thumbnail was removed: the sheet shows an empty frame.
  }
}

function contactRow(images: readonly SheetImage[], thumbnails: ReadonlyMap<string, string | null>): string {
  const figures = images.map(({ imageId, seed, variant, score, role }) => {
    const source = thumbnails.get(imageId) ?? null;
    const picture = source === null ? `<div class="none">no thumbnail</div>` : `<img src="${source}" alt="" loading="lazy">`;
    const words = [role, score === null ? null : score.toFixed(3), `seed ${seed}`, variant].filter((word) => word !== null).join(" · ");
    return `<figure class="${role ?? "unused"}">${picture}<figcaption>${escape(words)}</figcaption></figure>`;
  });
  return `<section><p>${escape(images[0]?.prompt ?? "")}</p><div class="row">${figures.join("")}</div></section>`;
}

function histogram(judge: string, bins: readonly HistogramBin[]): string {
  const highest = Math.max(...bins.map((bin) => bin.count));
  const bars = bins.map(
    ({ bin, count }) =>
      `<rect x="${bin * 20}" y="${100 - (count / highest) * 100}" width="18" height="${(count / highest) * 100}"><title>${count}</title></rect>`,
  );
  const [first] = bins;
  const range = first === undefined ? "" : `${first.low.toFixed(3)} … ${first.high.toFixed(3)}`;
  return `<h2>Scores of ${escape(judge)}</h2><svg viewBox="0 0 400 100" role="img" aria-label="histogram">${bars.join("")}</svg><p class="range">${range}</p>`;
}

function table(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join("")}</tr>`);
  return `<h2>${escape(title)}</h2><table>${lines.join("")}</table>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
svg { width: 400px; height: 100px; fill: #4a7fd0; } .range { margin: 0; color: #888; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; } figure { margin: 0; width: 200px; border: 4px solid transparent; border-radius: 6px; }
img, .none { width: 100%; display: block; border-radius: 3px; } .none { height: 120px; background: #8883; }
.chosen { border-color: #2c9c5a; } .rejected { border-color: #c8553d; } .unused { opacity: .55; } figcaption { font-size: 12px; padding: .2rem; }
`;
