import type { Context } from "../../context.ts";
import { readPrompts } from "../../prompts/read-prompts.ts";
import { prepareVariants, readWorkflow } from "./prepare-variants.ts";
import { refuseValues } from "./refuse-values.ts";
import { openReferences } from "./references.ts";
import { readServerClasses, type ServerClasses } from "../../comfy/client/server-classes.ts";
import { comfyClient } from "../../comfy/client/client.ts";
import type { Config } from "../../config/schema.ts";

/**
 * Reads workflows, prompts and the images they name to their end, as planning will, and writes nothing: a first start that is refused
 * leaves no trace, so that
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

/** Longest wait of planning for the answers of servers, ms. Questions left open are asked at a server's first contact. */
const ASK_TIMEOUT_MS = 5_000;

/**
 * Asks every configured server for the classes of all workflows. Servers that do not answer are left out: each is asked again before it is
 * given its first job.
 * @throws {ConfigError} for a workflow file that cannot be read.
 */
export async function askServers(
  config: Pick<Config, "servers" | "workflows" | "generate">,
  signal: AbortSignal,
): Promise<readonly ServerClasses[]> {
  const files = Object.values(config.workflows).map(({ file }) => file);
  const workflows = await Promise.all(files.map(readWorkflow));
  const classes = workflows.flatMap(({ graph }) => Object.values(graph).map((node) => node.class_type));
  const wanted = config.generate.save_as === "temp" ? [...classes, "PreviewImage"] : classes;
  const answers = await Promise.all(config.servers.map((server) => askServer(server, { wanted, signal })));
  return answers.filter((answer) => answer !== null);
}

interface Question {
  readonly wanted: readonly string[];
  readonly signal: AbortSignal;
}

async function askServer(server: Config["servers"][number], { wanted, signal }: Question): Promise<ServerClasses | null> {
  const client = comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file });
  try {
    return await readServerClasses(client, wanted, AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]));
  } catch {
    signal.throwIfAborted();
    return null; // Whatever is wrong with the server is told by those who use it.
  } finally {
    await client.close();
  }
}
