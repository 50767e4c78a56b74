import { openContext, type OpenContext, type OpenOptions } from "../open-context.ts";
import type { CommandInput } from "./command.ts";
import { planAndTell } from "./plan-and-tell.ts";

/**
 * Opens the context of a stage that follows generate. With --prompts the plan is cut to the first N prompts before it starts, which
 * takes generate's lock: a plan must not change under a running generate.
 */
export async function openStage(input: CommandInput, options: OpenOptions): Promise<OpenContext> {
  if (input.options["prompts"] === undefined) return openContext(input, { ...options, planned: true });
  const opened = await openContext(input, { ...options, locks: ["generate", ...options.locks] });
  try {
    await planAndTell(opened.context, input);
    return opened;
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
