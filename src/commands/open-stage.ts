import type { CommandInput } from "./command.ts";
import { acceptConfigChanges } from "./config-changes.ts";
import { openContext, type OpenContext, type OpenOptions } from "./open-context.ts";
import type { PromptsOption } from "./registry.ts";
import { updatePlan } from "./update-plan.ts";

/**
 * Opens the context of a stage that follows generate, and says what changed in the configuration. With --prompts the plan is cut to the
 * first N prompts before it starts, which takes generate's lock: a plan must not change under a running generate.
 */
export async function openStage(input: CommandInput<PromptsOption>, options: OpenOptions): Promise<OpenContext> {
  const plans = input.options.prompts !== undefined;
  const opened = await openContext(input, plans ? { ...options, locks: ["generate", ...options.locks] } : { ...options, planned: true });
  try {
    if (plans) await updatePlan(opened.context, input);
    else await acceptConfigChanges(opened.context);
    return opened;
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
