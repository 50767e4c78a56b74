import { configHash } from "../../config/config-hash.ts";
import type { Context } from "../../context.ts";
import { isWholePlan } from "../../db/queries/overview/dataset.ts";
import { summarize } from "../../db/queries/overview/summary.ts";
import { EXIT } from "../../errors.ts";
import { exportDataset, type ExportReport } from "../../stages/export/export.ts";
import { counted } from "../../lib/words.ts";
import { link } from "../../stages/annotate/link/link.ts";
import type { LinkResult } from "../../stages/annotate/link/tally.ts";
import { storeReferences } from "../../stages/plan/references.ts";
import { openStore } from "../../stores/registry.ts";
import type { CommandInput, CommandResult } from "../command.ts";
import { technicalNote, reportLinked } from "../report-linked.ts";
import { stageResult } from "../stage-result.ts";
import { commandHint } from "../command-hint.ts";

const PARTIAL_PLAN = "Only a part of the prompts is planned (--prompts, or a plan that was interrupted), and only that part is exported.";

interface LinkAndExportOptions {
  /** True where earlier stages stopped before their work was done. */
  readonly stopped: boolean;
  /** False: say how things stand, write nothing. */
  readonly exports: boolean;
  /** A name for the version instead of v1, v2, …. */
  readonly as?: string;
  /** Only what this version does not have. */
  readonly since?: string;
  readonly croissant?: boolean;
}

/** The last two stages: links follow the newest votes and scores, and what is linked is written. */
export async function linkAndExport(
  context: Context,
  input: CommandInput,
  { stopped, exports, as, since, croissant = false }: LinkAndExportOptions,
): Promise<CommandResult> {
  const { config, db, log } = context;
  if (!exports) return stageResult(db, input, { done: "Stopped", stopped });
  // A deadline ends the making of images, not the writing down of what is there.
  const linked = await link({ ...context, stopping: input.stopping });
  log.info(reportLinked(context, linked));
  const people = missingVotes(context, linked);
  if (people !== null) log.info(people);
  // Harvest has done so, unless it ran before the plan or the file was away: rows name only what is in the store.
  await storeReferences({ ...context, stopping: input.stopping });
  const { pending } = summarize(db);
  const isWhole = isWholePlan(db);
  if (!isWhole) log.info(`${PARTIAL_PLAN} For the rows of all prompts: ${commandHint("run", config.configFile)}`);
  const report = await exportDataset(
    { ...context, stopping: input.stopping },
    {
      complete: isWhole && pending === 0 && linked.pending + linked.unjudged === 0 && !linked.stopped && people === null,
      configHash: configHash(config),
      openStore: (uri) => openStore({ ...config.store, uri }, { concurrency: config.harvest.concurrency }),
      croissant,
      ...(as === undefined ? {} : { as }),
      ...(since === undefined ? {} : { since }),
    },
  );
  const result = stageResult(db, input, { done: describeExport(report), stopped, rows: report.rows, drops: report.drops });
  // Nothing new is no failure.
  if (report.outcome !== "empty" || report.since !== undefined) return result;
  const next = nextCommand({ pending, linked, people });
  if (next !== null && !stopped) log.info(`Next: ${commandHint(next, config.configFile)}`);
  // Work that the deadline left undone and people who have not voted yet are no failure; anything else that left no pair is.
  const onlyPeople = config.annotate.pairs[config.export.pairs]?.from.every((source) => source === "people") === true;
  return onlyPeople || stopped ? result : { ...result, exit: EXIT.incomplete };
}

interface Undone {
  /** Candidates that are not stored yet. */
  readonly pending: number;
  readonly linked: LinkResult;
  readonly people: string | null;
}

/** The command that brings pairs nearer; null where all is done and there are none. */
function nextCommand({ pending, linked, people }: Undone): string | null {
  if (pending > 0) return "run";
  if (linked.pending + linked.unjudged > 0) return "annotate";
  return people === null ? null : "annotate serve";
}

/** Returns how many prompts people have voted on, if they alone decide and have not voted on all. */
function missingVotes({ config }: Pick<Context, "config">, linked: LinkResult): string | null {
  const policy = config.annotate.pairs[config.export.pairs];
  if (policy?.from[0] !== "people" || policy.from.length > 1) return null;
  const voted = Math.min(...config.annotate.criteria.map((criterion) => linked.voted[criterion] ?? 0));
  return voted >= linked.groups ? null : `people: ${voted} of ${linked.groups} prompts, run annotate serve or annotate import`;
}

function describeExport({ outcome, version, kind, uri, rows, technicalRows, drops, since }: ExportReport): string {
  const stale = since === undefined ? "" : describeStale(since);
  if (outcome === "empty" && since !== undefined) return `No row that ${since.version} does not have${stale}`;
  if (outcome === "empty") {
    const reasons = Object.entries(drops).map(([reason, count]) => `${count} ${reason}`);
    return `No pairs to export${reasons.length > 0 ? `: ${reasons.join(", ")}` : ""}`;
  }
  const technical = technicalNote(technicalRows, rows);
  if (outcome === "unchanged") return `Nothing new since ${version}${technical}: ${uri}`;
  if (since !== undefined)
    return `Exported ${counted(rows, "new row")} since ${since.version} as the part ${version}${technical}: ${uri}${stale}`;
  // LATEST stays where it is.
  if (kind === "trial") return `Exported ${counted(rows, "row")} as the trial ${version}${technical}: ${uri}`;
  return `Exported ${counted(rows, "row")} as ${version}${technical}: ${uri}`;
}

/** A part cannot take back what was exported before it. */
function describeStale({ version, gone, changed }: NonNullable<ExportReport["since"]>): string {
  if (gone + changed === 0) return "";
  return `. Of the rows of ${version}, ${gone} would not be exported today and ${changed} would have other values. Export without --since to correct both`;
}
