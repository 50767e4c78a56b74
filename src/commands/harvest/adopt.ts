import type { CommandResult } from "../command.ts";
import { hintFor, openContext } from "../open-context.ts";
import { readDeadline, isGiven } from "../option-values.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";
import type { Context } from "../../context.ts";
import { findDataset, rememberPlan } from "../../db/queries/overview/dataset.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { adopt, type AdoptReport } from "../../stages/adopt/adopt.ts";
import { openSource, sourceKind } from "../../stages/adopt/open-source.ts";

/** `harvest --adopt SOURCE`. */
export async function runAdopt(input: InputOf<"harvest">, written: string): Promise<CommandResult> {
  for (const name of ["follow", "prompts"] as const) {
    if (isGiven(input.options[name])) throw new ConfigError(`Cannot use --${name} with --adopt: a source is taken whole`);
  }
  const kind = await sourceKind(written);
  const deadline = readDeadline(input);
  await using opened = await openContext(input, { locks: ["harvest"], unplanned: true, ...(deadline === undefined ? {} : { deadline }) });
  const { context } = opened;
  await using source = openSource(kind, context);
  rememberStore(context);
  const report = await adopt(source, context);
  return printReport(report, { context, input, source: source.name });
}

/** A dataset's images lie in one store: where it was never planned, adopting decides which. */
function rememberStore({ db, config }: Pick<Context, "db" | "config">): void {
  if ((findDataset(db)?.storeUri ?? null) === null) rememberPlan(db, { storeUri: config.store.uri });
}

interface Printing {
  readonly context: Pick<Context, "db" | "config" | "log">;
  readonly input: Pick<InputOf<"harvest">, "show" | "options">;
  readonly source: string;
}

function printReport({ images, known, refused, stopped }: AdoptReport, { context, input, source }: Printing): CommandResult {
  const { log } = context;
  const reasons = Object.entries(refused).toSorted(([, a], [, b]) => b - a);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  const hint = hintFor(input);
  log.info(`Adopted ${counted(images, "new image")} from ${source}; ${known} ${known === 1 ? "was" : "were"} there already`);
  if (stopped) log.info("Stopped. Run the same command again to continue");
  if (total > 0) {
    const list = reasons.map(([reason, count]) => `${count} ${reason}`).join(", ");
    log.warn(
      `${counted(total, "image")} could not be adopted (${list}). ${hint("status")} shows one of each; adopting again tries them again`,
    );
  } else if (images > 0) log.info(`Next: ${hint("annotate")}`);
  input.show({ event: "adopted", source, images, known, refused }, null);
  return { exit: total > 0 ? EXIT.incomplete : EXIT.done, counts: { ...datasetCounts(context), refused: total } };
}
