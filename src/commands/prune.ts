import { loadConfig } from "../config/load-config.ts";
import type { Context } from "../context.ts";
import { openReadonly } from "../db/open.ts";
import { unusedImages, type UnusedImages } from "../db/queries/images/unused-images.ts";
import { ConfigError, EXIT } from "../errors.ts";
import { byteSize, counted } from "../lib/words.ts";
import { ALL_LOCKS, databaseFile, hintFor, openContext, openDatasetStore } from "./open-context.ts";
import { exportStoreUri } from "../stages/export/export.ts";
import { link } from "../stages/annotate/link/link.ts";
import { objectRemover, pruneImages, type PruneOptions, findOrphans } from "../stages/upkeep/prune/prune.ts";
import { markUsedImages } from "../stages/upkeep/prune/used-images.ts";
import { openStore } from "../stores/registry.ts";
import type { CommandResult } from "./command.ts";
import type { InputOf } from "./registry.ts";
import { datasetCounts } from "./stage-result.ts";
import { DAY_MS } from "../lib/units.ts";

/** Orphans printed one by one. The rest is only counted. */
const PRINTED_MAX = 20;
/** Orphans deleted together. */
const CHUNK_ORPHANS = 100;

type PruneContext = Pick<Context, "config" | "db" | "store" | "clock" | "log" | "stopping" | "signal">;

interface Wanted extends PruneOptions {
  readonly yes: boolean;
  readonly orphans: boolean;
  readonly ignoreMissing: boolean;
}

/** Removes stored images that no export shows and no row of a pair set holds. Without --yes it only says what it would remove. */
export async function run(input: InputOf<"prune">): Promise<CommandResult> {
  const wanted = readOptions(input);
  if (wanted.yes) {
    // Nothing may be made, fetched, scored or linked meanwhile.
    await using opened = await openContext(input, { locks: ALL_LOCKS, planned: true });
    await link(opened.context); // What the newest votes and scores want is not unused.
    return await prune(opened.context, { input, wanted });
  }
  const config = loadConfig(input.options.config, { env: input.env });
  const db = openReadonly(databaseFile(config), hintFor(input));
  try {
    const store = await openDatasetStore({ config, db }, input);
    try {
      const { clock, log, stopping, signal } = input;
      return await prune({ config, db, store, clock, log, stopping, signal }, { input, wanted });
    } finally {
      await store.close();
    }
  } finally {
    db.close();
  }
}

interface Pruning {
  readonly input: InputOf<"prune">;
  readonly wanted: Wanted;
}

async function prune(context: PruneContext, { input, wanted }: Pruning): Promise<CommandResult> {
  const { config, db, store, signal } = context;
  if (wanted.expire && store.expiry === undefined) {
    throw new ConfigError(`Cannot prune --expire in ${store.uri}: it deletes nothing by itself`, { hint: "prune --yes deletes at once" });
  }
  const images = unusedImages(db);
  const versions = await markUsedImages({
    db,
    images,
    signal,
    exportUri: exportStoreUri(config.export.uri),
    ignoreMissing: wanted.ignoreMissing,
    openStore: (uri) => openStore({ ...config.store, uri }, { concurrency: config.harvest.concurrency }),
  });
  const found = images.count(wanted);
  const kept = `no row of ${counted(versions, "exported version")} or of the linked pairs shows`;
  if (!wanted.yes) {
    const hint = hintFor(input)(["prune", ...repeatFlags(input), "--yes"].join(" "));
    const next =
      found.images > 0 ? `. Nothing was changed: ${hint} ${wanted.expire ? "leaves them to the bucket's rule" : "deletes them"}` : "";
    input.show(
      { event: "prunable", ...found, versions, store: store.uri },
      `${counted(found.images, "stored image")} (${byteSize(found.bytes)}) in ${store.uri} that ${kept}${next}`,
    );
    await printOrphans(context, { images, input, wanted });
    return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }), prunable: found.images, bytes: found.bytes } };
  }
  const pruned = await pruneImages({ ...context, images }, wanted);
  const how = wanted.expire ? "Left to the bucket's lifecycle rule" : "Deleted";
  input.show(
    { event: "pruned", images: pruned.images, bytes: pruned.bytes, versions, store: store.uri },
    `${how}: ${counted(pruned.images, "image")} (${byteSize(pruned.bytes)}) that ${kept}${pruned.stopped ? ". Stopped. Run the same command again to continue" : ""}`,
  );
  await printOrphans(context, { images, input, wanted });
  return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }), pruned: pruned.images, bytes: pruned.bytes } };
}

interface Telling extends Pruning {
  readonly images: UnusedImages;
}

/** Lists objects that no row stands for, and deletes those that are wanted gone. */
async function printOrphans(context: PruneContext, { images, input, wanted }: Telling): Promise<void> {
  const { store, clock, stopping, signal } = context;
  const remove = objectRemover(context, { expire: false });
  const totals = { pruned: 0, unknown: 0, bytes: 0 };
  let doomed: string[] = [];
  for await (const { key, sizeBytes, kind } of findOrphans({ store, images, nowMs: clock.nowMs(), signal })) {
    if (stopping.aborted) break;
    totals[kind]++;
    totals.bytes += sizeBytes;
    if (kind === "unknown") {
      const text = totals.unknown <= PRINTED_MAX ? `${store.uriOf(key)}: no row of the database knows it` : null;
      input.show({ event: "orphan", uri: store.uriOf(key), bytes: sizeBytes }, text);
    }
    if (wanted.yes && (kind === "pruned" || wanted.orphans)) doomed.push(key);
    if (doomed.length < CHUNK_ORPHANS) continue;
    await remove(doomed);
    doomed = [];
  }
  await remove(doomed);
  const count = totals.pruned + totals.unknown;
  if (count === 0) return;
  const gone = wanted.yes && (wanted.orphans || totals.unknown === 0);
  const hint = gone ? "" : `. Try: ${hintFor(input)("prune --orphans --yes")}, if nobody else keeps them there`;
  input.show(
    { event: "orphans", objects: count, bytes: totals.bytes, deleted: gone },
    `${counted(count, "object")} (${byteSize(totals.bytes)}) below ${store.uri}/images, older than a day, that no row stands for${gone ? ": deleted" : hint}`,
  );
}

function readOptions({ options, clock }: Pick<InputOf<"prune">, "options" | "clock">): Wanted {
  return {
    yes: options.yes,
    orphans: options.orphans,
    ignoreMissing: options.ignoreMissing,
    unpaired: options.unpaired,
    expire: options.expire,
    storedBeforeMs: clock.nowMs() - parseDays(options.olderThan) * DAY_MS,
  };
}

function parseDays(value: string | undefined): number {
  if (value === undefined) return 0;
  const match = /^(\d{1,5})d?$/.exec(value);
  if (match === null) {
    throw new ConfigError(`Cannot read --older-than ${value}: expected whole days`, { hint: "--older-than 30" });
  }
  return Number(match[1]);
}

/** Returns the flags as they were typed, for a command to paste. */
function repeatFlags({ options }: Pick<InputOf<"prune">, "options">): readonly string[] {
  return [
    ...(options.unpaired ? ["--unpaired"] : []),
    ...(options.expire ? ["--expire"] : []),
    ...(options.orphans ? ["--orphans"] : []),
    ...(options.ignoreMissing ? ["--ignore-missing"] : []),
    ...(options.olderThan === undefined ? [] : [`--older-than ${options.olderThan}`]),
  ];
}
