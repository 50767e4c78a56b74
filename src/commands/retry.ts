import { retryImages, retryJobs } from "../db/queries/retry.ts";
import { ConfigError, EXIT, REJECT_REASONS } from "../errors.ts";
import { didYouMean } from "../lib/nearest.ts";
import { loadConfig } from "../config/load-config.ts";
import { acquireProcessLock } from "../db/process-lock.ts";
import { expectDatabase, openDatabase } from "../db/open.ts";
import { configFileOf, databaseFile } from "../open-context.ts";
import type { CommandInput, CommandResult } from "./command.ts";

export function run(input: CommandInput): Promise<CommandResult> {
  const stage = textOf(input, "stage");
  const filter = { reason: textOf(input, "reason"), id: textOf(input, "id") };
  if (stage !== null && stage !== "generate" && stage !== "harvest")
    throw new ConfigError(`Cannot retry stage "${stage}": expected generate or harvest`);
  if (filter.reason !== null && !REJECT_REASONS.some((reason) => reason === filter.reason)) {
    throw new ConfigError(`Cannot retry reason "${filter.reason}": no such reason${didYouMean(filter.reason, REJECT_REASONS)}`, {
      hint: `there is ${REJECT_REASONS.join(", ")}`,
    });
  }
  const config = loadConfig(configFileOf(input), { env: input.env });
  expectDatabase(databaseFile(config));
  // A running generate counts its jobs in memory: putting some back under it would not be seen.
  using _lock = acquireProcessLock(config.dir, "generate");
  const db = openDatabase(databaseFile(config));
  try {
    const jobs = stage === "harvest" ? 0 : retryJobs(db, filter);
    const images = stage === "generate" ? 0 : retryImages(db, filter);
    input.print(`${jobs} failed candidates and ${images} candidates with rejected images are planned again`);
    return Promise.resolve({ exit: EXIT.done, counts: { retried: jobs + images } });
  } finally {
    db.close();
  }
}

function textOf(input: Pick<CommandInput, "options">, name: string): string | null {
  const value = input.options[name];
  return typeof value === "string" ? value : null;
}
