import { loadConfig } from "../config/load-config.ts";
import { expectDatabase, openDatabase, type Db } from "../db/open.ts";
import type { Context } from "../context.ts";
import { acquireProcessLock } from "../db/process-lock.ts";
import { storedImages } from "../db/queries/images/stored-images.ts";
import { listVariants } from "../db/queries/plan/variants.ts";
import { fetchAgain, isKnownId, retryImages, retryJobs } from "../db/queries/jobs/retry.ts";
import { ConfigError, EXIT, REJECT_REASONS } from "../errors.ts";
import { counted } from "../lib/words.ts";
import { didYouMean } from "../lib/nearest.ts";
import { databaseFile, hintFor, openDatasetStore } from "./open-context.ts";
import { storedProblem } from "../stages/upkeep/stored-problem.ts";
import type { CommandResult } from "./command.ts";
import type { InputOf } from "./registry.ts";
import { datasetCounts } from "./stage-result.ts";

interface Fetching {
  readonly wanted: Wanted;
  readonly input: Pick<InputOf<"retry">, "log" | "signal" | "clock">;
}

interface Wanted {
  readonly stage: "generate" | "harvest" | null;
  readonly reason: string | null;
  readonly id: string | null;
  readonly variant: string | null;
}

/** Puts failed jobs and rejected images back, so that the next run makes or fetches them again. */
export async function run(input: InputOf<"retry">): Promise<CommandResult> {
  const wanted = readOptions(input);
  const config = loadConfig(input.options.config, { env: input.env });
  const hint = hintFor(input);
  expectDatabase(databaseFile(config), hint);
  // A running generate counts its jobs in memory: putting some back under it would not be seen.
  using _lock = acquireProcessLock(config.dir, "generate");
  const db = openDatabase(databaseFile(config), input);
  try {
    if (wanted.id !== null && !isKnownId(db, wanted.id)) {
      throw new ConfigError(`Cannot retry ${wanted.id}: no job or image of this dataset has this id`, {
        hint: `image_ids (i_…) and jobs are in the view image_index and in the output of ${hint("verify")}`,
      });
    }
    if (wanted.variant !== null) refuseUnknownVariant(db, wanted.variant);
    const fetched = (await fetchLost({ db, config }, { wanted, input })) ? 1 : 0;
    const { jobs, images } = putBack(db, wanted);
    const parts = [
      `${counted(jobs, "failed candidate")} and ${counted(images, "candidate")} with rejected images`,
      ...(fetched > 0 ? [`; 1 stored image is fetched again, made again, or waits until its source is adopted again`] : []),
    ];
    const total = jobs + images + fetched;
    input.show(
      { event: "retried", jobs, images, fetched_again: fetched },
      `Put back: ${parts.join("")}${total > 0 ? `. Next: ${hint("run")}` : ""}`,
    );
    return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }), retried: total } };
  } finally {
    db.close();
  }
}

function refuseUnknownVariant(db: Db, variant: string): void {
  const names = listVariants(db).map((row) => row.variant);
  if (names.some((name) => name === variant || name.startsWith(`${variant}/`))) return;
  throw new ConfigError(`Cannot retry the variant ${JSON.stringify(variant)}: no such variant${didYouMean(variant, names)}`, {
    hint: `there is ${names.join(", ")}`,
  });
}

/** A job whose image its server no longer had, which harvest found out. */
const FAILED_IN_HARVEST = "lost-file";

function putBack(db: Db, { stage, reason, id, variant }: Wanted) {
  const isJobs = stage !== "harvest" || reason === null || reason === FAILED_IN_HARVEST;
  return {
    jobs: isJobs ? retryJobs(db, { reason: stage === "harvest" ? FAILED_IN_HARVEST : reason, id, variant }) : 0,
    images: stage === "generate" ? 0 : retryImages(db, { reason, id, variant }),
  };
}

/** A stored image whose file is missing or damaged is fetched again. One that is whole stays: exports may show it. */
async function fetchLost({ db, config }: Pick<Context, "db" | "config">, { wanted, input }: Fetching): Promise<boolean> {
  const image = wanted.stage === "generate" || wanted.reason !== null || wanted.id === null ? undefined : storedImages(db).find(wanted.id);
  if (image === undefined) return false;
  const { signal } = input;
  const store = await openDatasetStore({ config, db }, input);
  try {
    const problem = await storedProblem(image, { store, signal });
    if (problem === null) {
      input.log.info(`${image.imageId} is in the store as it should be: nothing to put back`);
      return false;
    }
    // What is damaged must go first: harvest would take it for the image if its damage does not show.
    await store.delete(image.key, signal);
    fetchAgain(db, image.imageId);
    return true;
  } finally {
    await store.close();
  }
}

function readOptions(input: Pick<InputOf<"retry">, "options">): Wanted {
  const { stage = null, reason = null, id = null, variant = null } = input.options;
  if (stage !== null && stage !== "generate" && stage !== "harvest")
    throw new ConfigError(`Cannot retry stage "${stage}": expected generate or harvest`);
  if (reason !== null && !REJECT_REASONS.some((known) => known === reason)) {
    throw new ConfigError(`Cannot retry reason "${reason}": no such reason${didYouMean(reason, REJECT_REASONS)}`, {
      hint: `there is ${REJECT_REASONS.join(", ")}`,
    });
  }
  return { stage, reason, id, variant };
}
