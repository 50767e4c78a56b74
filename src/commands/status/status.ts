import { describeEpoch } from "../../comfy/client/server-epoch.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { Context } from "../../context.ts";
import { openReadonly } from "../../db/open.ts";
import { isLocked } from "../../db/process-lock.ts";
import { countLinked } from "../../db/queries/annotate/preferences.ts";
import { scoreQueries } from "../../db/queries/annotate/scores.ts";
import { countVotes } from "../../db/queries/annotate/votes.ts";
import { countRefused } from "../../db/queries/images/adoption.ts";
import { readCounters } from "../../db/queries/jobs/counters.ts";
import { countMixedPrompts, imagesByEpoch } from "../../db/queries/jobs/epochs.ts";
import { listServers } from "../../db/queries/jobs/servers.ts";
import { countReasons, summarize } from "../../db/queries/overview/summary.ts";
import { listVariants } from "../../db/queries/plan/variants.ts";
import { EXIT } from "../../errors.ts";
import { openJudges } from "../../judges/registry.ts";
import { oneLine } from "../../lib/terminal/printable.ts";
import { ago, counted } from "../../lib/words.ts";
import type { CommandResult } from "../command.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import type { InputOf } from "../registry.ts";
import { describeFlags } from "../report-linked.ts";
import { datasetCounts } from "../stage-result.ts";
import { describeVersions, readOldKinds, type VersionKinds } from "./describe-versions.ts";

const WATCH_INTERVAL_MS = 2_000;
/** Details are servers' words and may be long. */
const DETAIL_CHARS = 160;

type ShowInput = Pick<InputOf<"status">, "show" | "clock" | "options">;

/** Prints the state of the dataset; with --watch again and again until it is stopped. */
export async function run(input: InputOf<"status">): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const db = openReadonly(databaseFile(config), hintFor(input));
  try {
    const oldKinds = await readOldKinds({ db, config, signal: input.signal });
    let before = show({ db, config, oldKinds }, input);
    while (input.options.watch && !input.stopping.aborted) {
      const sinceMs = input.clock.nowMs();
      await input.clock.sleep(WATCH_INTERVAL_MS, input.stopping).catch((error: unknown) => {
        if (!input.stopping.aborted) throw error;
      });
      if (input.stopping.aborted) break;
      const now = summarize(db);
      const rate = (now.images - before) / ((input.clock.nowMs() - sinceMs) / 1_000);
      before = show({ db, config, oldKinds }, input, rate);
    }
    const counts = datasetCounts({ db, config });
    // Ctrl-C is how --watch ends: it says nothing about the dataset.
    const isBad = !input.options.watch && counts.failed + counts.rejected > 0;
    return { exit: isBad ? EXIT.incomplete : EXIT.done, counts: { ...counts } };
  } finally {
    db.close();
  }
}

interface Shown extends Pick<Context, "db" | "config"> {
  readonly oldKinds: VersionKinds;
}

/** Prints the dataset's state. Returns the number of stored images. */
function show({ db, config, oldKinds }: Shown, input: ShowInput, rate?: number): number {
  const { planned, pending, stored, rejected, failed, images } = summarize(db);
  const reasons = countReasons(db);
  const refused = countRefused(db);
  const counters = readCounters(db);
  const servers = describeServers({ db, config }, input.clock.nowMs());
  const madeBy = imagesByEpoch(db);
  const mixedPrompts = countMixedPrompts(db);
  const judging = describeJudging({ db, config }, images);
  const versions = describeVersions({ db, config }, oldKinds);
  const speed = rate === undefined ? "" : `, ${rate.toFixed(1)}/s${rate > 0 ? `, ${Math.ceil(pending / rate)} s left` : ""}`;
  const lines = [
    `candidates  ${planned} planned = ${pending} pending + ${stored} stored + ${rejected} rejected + ${failed} failed`,
    `images      ${images} stored${speed}`,
    ...reasons.map(
      ({ what, state, reason, count, example }) =>
        `  ${counted(count, what)}: ${reason}${state === "excluded" && reason !== "pruned" ? " (excluded)" : ""}${example === null ? "" : ` — ${shortened(example)}`}`,
    ),
    ...refused.map(({ reason, count, example }) => `not adopted ${count}: ${reason} — ${shortened(example)}`),
    ...listVariants(db)
      .filter((variant) => variant.state !== "active")
      .map(({ variant, state, reason }) => `variant     ${variant} is ${state}${reason === null ? "" : `: ${shortened(reason)}`}`),
    ...servers.map(({ url, text }) => `server      ${url} ${text}`),
    ...madeBy.map(({ images: count, ...epoch }) => `made by     ${describeEpoch(epoch)}: ${counted(count, "image")}`),
    ...(mixedPrompts === 0 ? [] : [`made by     several of these, within one prompt: ${counted(mixedPrompts, "prompt")}`]),
    ...Object.entries(counters)
      .filter(([, value]) => value > 0)
      .map(([name, value]) => `counted     ${countedName(name, value)}`),
    ...judging.lines,
    ...versions.lines,
    ...(failed + rejected > 0 ? [`${hintFor(input)("retry")} puts failed and rejected candidates back`] : []),
  ];
  input.show(
    {
      event: "status",
      planned,
      pending,
      stored,
      rejected,
      failed,
      images,
      reasons: reasons.map((reason) => ({ ...reason })),
      not_adopted: refused.map((each) => ({ ...each })),
      servers: servers.map(({ url, state, seenAtMs, configured }) => ({ url, state, seen_at_ms: seenAtMs, configured })),
      made_by: madeBy.map((each) => ({ ...each })),
      mixed_prompts: mixedPrompts,
      counters: { ...counters },
      ...judging.fields,
      exports: versions.events,
    },
    lines.join("\n"),
  );
  return images;
}

/** Counters are named in the plural: `duplicate_prompts`. */
function countedName(name: string, value: number): string {
  const words = name.replaceAll("_", " ");
  return counted(value, words.replace(/s$/, ""), words);
}

const shortened = (text: string): string => oneLine(text, DETAIL_CHARS);

interface DescribedServer {
  readonly url: string;
  readonly state: string;
  /** When it last came up, ms since the epoch. */
  readonly seenAtMs: number | null;
  readonly configured: boolean;
  /** The text for people. */
  readonly text: string;
}

/**
 * Describes what is remembered of each server. Asks none: only a running generate knows their state, and what was up when one last
 * spoke to it may be dead by now.
 */
export function describeServers({ db, config }: Pick<Context, "db" | "config">, nowMs: number): readonly DescribedServer[] {
  const isWatched = isLocked(config.dir, "generate");
  const known = new Set(config.servers.map(({ url }) => url.replace(/\/+$/, "")));
  return listServers(db).map(({ url, state, seenAtMs, detail }) => {
    const configured = known.has(url);
    const since = seenAtMs === null ? "never seen up" : ago(nowMs - seenAtMs);
    const last = state === "up" ? `up when last seen, ${since}` : `${state}, ${seenAtMs === null ? since : `last seen up ${since}`}`;
    const seen = isWatched && configured && state === "up" ? `up, came up ${since}` : last;
    const about = detail === null ? "" : ` (${state === "up" ? "ComfyUI " : ""}${oneLine(detail, DETAIL_CHARS)})`;
    return { url, state, seenAtMs, configured, text: `${seen}${about}${configured ? "" : ", no longer in the configuration"}` };
  });
}

interface JudgingState {
  /** Lines for people. */
  readonly lines: readonly string[];
  /** Fields of the event. */
  readonly fields: {
    readonly judges: readonly { readonly judge: string; readonly version: string; readonly scored: number; readonly not_told: number }[];
    readonly votes: number;
    /** Rows of each pair set, as linked last. */
    readonly rows_linked: Readonly<Record<string, number>>;
  };
}

/**
 * Describes the progress of judges and people, and what was linked last. A judge scores what could be decoded, group by group: fewer than
 * the stored
 * images are no failure by themselves.
 */
export function describeJudging({ db, config }: Pick<Context, "db" | "config">, images: number): JudgingState {
  const scores = scoreQueries(db).countByVersion();
  const judges = openJudges(config.annotate.judges).map(({ name, version }) => {
    const own = scores.find((count) => count.judge === name && count.version === version);
    return { judge: name, version, scored: own?.scores ?? 0, not_told: (own?.scores ?? 0) - (own?.told ?? 0) };
  });
  const { votes, annotators, prompts } = countVotes(db);
  const linked = Object.keys(config.annotate.pairs).map((pairSet) => [pairSet, countLinked(db, pairSet)] as const);
  return {
    lines: [
      ...judges.map(
        ({ judge, version, scored, not_told: notTold }) =>
          `judge       ${judge} (${version}) scored ${scored} of ${counted(images, "stored image")}${notTold > 0 ? `, ${notTold} of them null: it could not tell` : ""}`,
      ),
      ...(votes > 0 ? [`votes       ${votes} by ${counted(annotators, "person", "people")} on ${counted(prompts, "prompt")}`] : []),
      ...linked.flatMap(([pairSet, { rows, drops }]) => {
        const flags = describeFlags({ images: drops["image:flagged"] ?? 0, pairs: drops["pair:flagged"] ?? 0 });
        if (rows === 0 && flags === undefined) return [];
        return [`pairs       ${pairSet}: ${counted(rows, "row")} linked${flags === undefined ? "" : `; ${flags}`}`];
      }),
    ],
    fields: { judges, votes, rows_linked: Object.fromEntries(linked.map(([pairSet, { rows }]) => [pairSet, rows])) },
  };
}
