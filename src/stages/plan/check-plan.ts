import type { Context } from "../../context.ts";
import { readPrompts } from "../../prompts/read-prompts.ts";
import { askServers } from "./ask-servers.ts";
import { openReferences } from "./open-references.ts";
import { prepareVariants } from "./prepare-variants.ts";
import { refuseValues } from "./refuse-values.ts";

/**
 * Reads workflows, prompts and the images they name to their end, as planning will, and writes nothing: a first start that is refused leaves no trace, so that
 * a mended configuration, be it another dataset name, starts afresh.
 * @throws {ConfigError} for all that planning would refuse.
 */
export async function checkPlan({ config, signal }: Pick<Context, "config" | "signal">): Promise<void> {
  const servers = await askServers(config, signal);
  refuseValues(await prepareVariants(config, { servers }), { config, servers, warn: () => undefined });
  // Planning tells the notes; here they would be told twice.
  const references = openReferences(config);
  for await (const row of readPrompts(config.prompts, { warn: () => undefined, references }).rows()) void row;
}
