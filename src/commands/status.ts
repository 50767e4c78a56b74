import { loadConfig } from "../config/load-config.ts";
import type { Context } from "../context.ts";
import { openReadonly } from "../db/open.ts";
import { listExports } from "../db/queries/exports.ts";
import { readCounters } from "../db/queries/counters.ts";
import { listServers } from "../db/queries/servers.ts";
import { countReasons, summarize } from "../db/queries/summary.ts";
import { listVariants } from "../db/queries/variants.ts";
import { EXIT } from "../errors.ts";
import { configFileOf, databaseFile } from "../open-context.ts";
import type { CommandInput, CommandResult } from "./command.ts";

const WATCH_INTERVAL_MS = 2_000;
/** Details are servers' words and may be long. */
const DETAIL_CHARS = 160;

export async function run(input: CommandInput): Promise<CommandResult> {
  const config = loadConfig(configFileOf(input), { env: input.env });
  const db = openReadonly(databaseFile(config));
  try {
    let before = show({ db, config }, input);
    while (input.options["watch"] === true && !input.stopping.aborted) {
      const sinceMs = input.clock.nowMs();
      await input.clock.sleep(WATCH_INTERVAL_MS, input.stopping).catch((error: unknown) => {
        if (!input.stopping.aborted) throw error; // Ctrl-C is how --watch ends.
      });
      const now = summarize(db);
      const rate = (now.images - before) / ((input.clock.nowMs() - sinceMs) / 1_000);
      before = show({ db, config }, input, rate);
    }
    const summary = summarize(db);
    return { exit: summary.failed + summary.rejected > 0 ? EXIT.incomplete : EXIT.done, counts: { ...summary } };
  } finally {
    db.close();
  }
}

/** Prints the dataset's state. Answers the number of stored images. */
function show({ db, config }: Pick<Context, "db" | "config">, input: Pick<CommandInput, "print" | "json" | "log">, rate?: number): number {
  const summary = summarize(db);
  const reasons = countReasons(db);
  if (input.json) {
    input.log.event("status", { ...summary, reasons: reasons.map((reason) => ({ ...reason })) });
    return summary.images;
  }
  const { planned, pending, stored, rejected, failed, images } = summary;
  const lines = [
    `candidates  ${planned} planned = ${pending} pending + ${stored} stored + ${rejected} rejected + ${failed} failed`,
    `images      ${images} stored${rate === undefined ? "" : `, ${rate.toFixed(1)}/s${rate > 0 ? `, ${Math.ceil(pending / rate)} s left` : ""}`}`,
    ...reasons.map(
      ({ what, reason, count, example }) =>
        `  ${count} ${what}s: ${reason}${example === null ? "" : ` — ${example.slice(0, DETAIL_CHARS)}`}`,
    ),
    ...listVariants(db)
      .filter((variant) => variant.state !== "active")
      .map(
        (variant) =>
          `variant     ${variant.variant} is ${variant.state}${variant.reason === null ? "" : `: ${variant.reason.slice(0, DETAIL_CHARS)}`}`,
      ),
    ...listServers(db).map(
      (server) => `server      ${server.url} ${server.state}${server.detail === null ? "" : ` (${server.detail.slice(0, DETAIL_CHARS)})`}`,
    ),
    ...Object.entries(readCounters(db))
      .filter(([, value]) => value > 0)
      .map(([name, value]) => `counted     ${value} ${name.replaceAll("_", " ")}`),
    ...listExports(db, config.export.uri).map((row) => `export      ${row.version} ${row.state}, ${row.rows ?? 0} rows, ${row.uri}`),
  ];
  if (failed + rejected > 0) lines.push("pnpm pipeline retry puts failed and rejected candidates back");
  input.print(lines.join("\n"));
  return images;
}
