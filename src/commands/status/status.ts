import { describeEpoch } from "../../comfy/client/server-epoch.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { Context } from "../../context.ts";
import { openReadonly } from "../../db/open.ts";
import { countRefused } from "../../db/queries/images/adoption.ts";
import { readCounters } from "../../db/queries/jobs/counters.ts";
import { countMixedPrompts, imagesByEpoch } from "../../db/queries/jobs/epochs.ts";
import { countReasons, summarize } from "../../db/queries/overview/summary.ts";
import { listVariants } from "../../db/queries/plan/variants.ts";
import { EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { oneLine } from "../../lib/terminal/printable.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../messages/dataset-counts.ts";
import { describeJudging } from "./describe-judging.ts";
import { describeServers } from "./describe-servers.ts";
import { describeVersions, readOldKinds, type VersionKinds } from "./describe-versions.ts";

const WATCH_INTERVAL_MS = 2_000;
/** Details are servers' words and may be long. */
const DETAIL_CHARS = 160;

type ShowInput = Pick<InputOf<"status">, "show" | "clock" | "options">;

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

/** Prints the dataset's state. Answers the number of stored images. */
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
