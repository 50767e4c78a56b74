import type { planQueries } from "../../db/queries/plan/plan.ts";
import { ConfigError } from "../../errors.ts";
import type { PromptRow } from "../../prompts/read-prompts.ts";

/** @throws {ConfigError} where some server was given another text for the prompt: its images would not fit the new one. */
export function refuseOtherText(plan: Pick<ReturnType<typeof planQueries>, "isSentOtherwise">, row: PromptRow): void {
  if (!plan.isSentOtherwise(row.promptKey, row.sent)) return;
  throw new ConfigError(
    `Cannot change the text sent to the model for the prompt ${JSON.stringify(row.prompt.slice(0, 80))}: images were made from another text`,
    { hint: "put prompts.template and prompts.send back, or start a new dataset under another name" },
  );
}
