import { loadConfig } from "../../config/load-config.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import { openStage } from "../open-stage.ts";
import { harvest } from "../../stages/harvest/harvest.ts";
import { nothingUpstream } from "../../stages/stage.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { readDeadline } from "../option-values.ts";
import { followGenerate, waitForDatabase } from "./follow-generate.ts";
import { stageResult } from "../stage-result.ts";

/** Fetches finished images into the store, or adopts images that were made elsewhere. */
export async function run(input: InputOf<"harvest">): Promise<CommandResult> {
  if (input.options.adopt !== undefined) {
    const { runAdopt } = await import("./adopt.ts");
    return runAdopt(input, input.options.adopt);
  }
  const follows = input.options.follow;
  if (follows && input.options.prompts !== undefined) {
    throw new ConfigError("Cannot follow generate with --prompts: harvest would plan, and no generate can start meanwhile", {
      hint: hintFor(input)("harvest --follow"),
    });
  }
  const deadline = readDeadline(input);
  const sinceMs = input.clock.nowMs();
  if (follows) {
    const signal = deadline === undefined ? input.stopping : AbortSignal.any([input.stopping, deadline]);
    const file = databaseFile(loadConfig(input.options.config, { env: input.env }));
    await waitForDatabase(file, { ...input, signal });
    if (signal.aborted) {
      input.log.info("Stopped: no generate has started yet. Run the same command again to continue");
      return { exit: EXIT.done };
    }
  }
  await using opened = await openStage(input, { locks: ["harvest"], ...(deadline === undefined ? {} : { deadline }) });
  const { context } = opened;
  const report = await harvest(context, follows ? followGenerate(context, { sinceMs }) : nothingUpstream);
  return stageResult(context.db, input, {
    done: `Harvested ${counted(report.done, "image")}`,
    stopped: report.stopped,
    pairSet: context.config.export.pairs,
  });
}
