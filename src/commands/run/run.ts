import type { Context } from "../../context.ts";
import { anyListed } from "../../db/queries/overview/summary.ts";
import { counted } from "../../lib/words.ts";
import { ALL_LOCKS, hintFor, openContext } from "../open-context.ts";
import { generate } from "../../stages/generate/generate.ts";
import { harvest } from "../../stages/harvest/harvest.ts";
import { inspect } from "../../stages/annotate/inspect.ts";
import { judge, type JudgeReport } from "../../stages/annotate/judge/judge.ts";
import type { StageReport, Upstream } from "../../stages/stage.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { readDeadline } from "../option-values.ts";
import { describeUsage, incompleteExit, isUnjudged } from "../judge/judge-outcome.ts";
import { linkAndExport } from "./link-and-export.ts";
import { updatePlan } from "../update-plan.ts";

/**
 * After a stop: how long harvest may still fetch once generate has settled what was in flight, ms. Those images lie on servers that
 * may be gone tomorrow.
 */
const HARVEST_GRACE_MS = 30_000;
/** Between two looks of a stage at what the one before it has written, ms. */
const FOLLOW_POLL_MS = 200;

/** Plans, then runs all stages beside each other, then links and exports. */
export async function run(input: InputOf<"run">): Promise<CommandResult> {
  const deadline = readDeadline(input);
  await using opened = await openContext(input, { locks: ALL_LOCKS, ...(deadline === undefined ? {} : { deadline }) });
  await updatePlan(opened.context, input);
  const { stopped, judged } = await streamStages(opened.context);
  for (const used of describeUsage(opened.context.judges)) opened.context.log.info(used);
  // After Ctrl-C the person waits for the prompt; at a deadline they want the dataset as far as it goes.
  const result = await linkAndExport(opened.context, input, { stopped, exports: !input.stopping.aborted });
  if (isUnjudged(judged))
    opened.context.log.warn(`Judging is not complete${lostText(judged)}. ${hintFor(input)("run")} asks for what is missing`);
  return incompleteExit(result, judged);
}

/** Describes which judges left work undone. Earlier warnings say why. */
function lostText({ lost, failed, spent }: JudgeReport): string {
  const parts = [
    ...(lost.length > 0 ? [`${lost.join(", ")} could not be asked`] : []),
    ...(failed > 0 ? [`${counted(failed, "group")} could not be judged`] : []),
    ...(spent.length > 0 ? [`${spent.join(", ")} may ask no more in this run`] : []),
  ];
  return `: ${parts.join(", ")}`;
}

interface Streamed {
  /** True where work remains. */
  readonly stopped: boolean;
  readonly judged: JudgeReport;
}

/** Runs the stages beside each other until the first has no more work and the others have caught up. */
export async function streamStages(context: Context): Promise<Streamed> {
  const failed = new AbortController();
  const shared: Context = { ...context, stopping: AbortSignal.any([context.stopping, failed.signal]) };
  const running = new Set(["generate", "harvest", "inspect", "judge"]);
  const follow = (moreToCome: () => boolean): Upstream => ({
    moreToCome,
    waitForWork: (signal) => context.clock.sleep(FOLLOW_POLL_MS, signal),
  });
  const start = async <Report extends StageReport>(name: string, stage: Promise<Report>): Promise<Report> => {
    try {
      return await stage;
    } catch (error) {
      failed.abort(); // The other stages settle what they have in flight.
      throw error;
    } finally {
      running.delete(name);
    }
  };
  // Harvest may find that a file is lost, and plan its job again.
  const generating = start(
    "generate",
    generate(
      shared,
      follow(() => running.has("harvest") && anyListed(context.db)),
    ),
  );
  const ended = new AbortController();
  const grace = graceAfter(generating, { ...context, signal: AbortSignal.any([context.signal, ended.signal]) });
  const judging = start(
    "judge",
    judge(
      shared,
      follow(() => running.has("inspect")),
      { isBeside: true },
    ),
  );
  const results = await Promise.allSettled([
    generating,
    start(
      "harvest",
      harvest(
        { ...context, stopping: AbortSignal.any([grace, failed.signal]) },
        follow(() => running.has("generate")),
      ),
    ),
    start(
      "inspect",
      inspect(
        shared,
        follow(() => running.has("harvest")),
      ),
    ),
    judging,
  ]);
  ended.abort();
  for (const result of results) if (result.status === "rejected") throw result.reason;
  const stopped = results.some((result) => result.status === "fulfilled" && result.value.stopped);
  return { stopped, judged: await judging };
}

/** Fires HARVEST_GRACE_MS after both a stop and the end of generate. Harvest that is done earlier ends by itself. */
function graceAfter(
  generating: Promise<unknown>,
  { stopping, signal, clock }: Pick<Context, "stopping" | "signal" | "clock">,
): AbortSignal {
  const over = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    if (stopping.aborted) resolve();
    else stopping.addEventListener("abort", () => resolve(), { once: true });
  });
  const wait = async (): Promise<void> => {
    await Promise.all([stopped, generating]);
    await clock.sleep(HARVEST_GRACE_MS, signal);
    over.abort();
  };
  wait().catch(() => over.abort()); // Generate failed, the second Ctrl-C, or the end: told elsewhere.
  return over.signal;
}
