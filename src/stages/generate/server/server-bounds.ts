import { checkAllowedNodes } from "../../../comfy/nodes/allowed-nodes.ts";
import { boundValues } from "../../../comfy/nodes/bound-values.ts";
import { graphProblems } from "../../../comfy/nodes/graph-problems.ts";
import type { ComfyClient } from "../../../comfy/client/client.ts";
import { readServerClasses, type ServerClasses } from "../../../comfy/client/server-classes.ts";
import type { Config } from "../../../config/schema.ts";
import type { JobRow } from "../../../db/queries/jobs/jobs.ts";
import { ConfigError, FatalError, messageOf, TransientError } from "../../../errors.ts";
import { isJsonObject, parseExact } from "../../../lib/exact-json.ts";
import type { SeedRule } from "../../plan/plan.ts";
import type { VariantCache } from "../variant-cache.ts";
import { promptRefusals, variantRefusals } from "../../plan/refuse-values.ts";

export interface ServerBoundsNeeds {
  readonly config: Pick<Config, "workflows" | "generate">;
  readonly rule: SeedRule;
  readonly variants: Pick<VariantCache, "get">;
  /** The variants that are run. */
  readonly active: () => readonly string[];
}

/** The values that each server's nodes take, read at its first contact and whenever it comes back. */
export interface ServerBounds {
  /** Asks the server. Answers, by variant, why it must not be given any job of it. */
  read(client: ComfyClient, signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Says why the server would refuse the values of this job's prompt; undefined if it takes it, or has not said. */
  refusalOf(url: string, job: JobRow): string | undefined;
}

export function createServerBounds({ config, rule, variants, active }: ServerBoundsNeeds): ServerBounds {
  const byServer = new Map<string, ServerClasses>();

  return {
    async read(client, signal) {
      const names = active();
      const classes = names.flatMap((name) => Object.values(variants.get(name).graph).map((node) => node.class_type));
      const said = await readOrNothing(client, { classes, config, signal });
      if (said === null) {
        byServer.delete(client.url);
        return new Map();
      }
      byServer.set(client.url, said);
      const refusals = names.flatMap((name): [string, string][] => {
        const why = refusalOfVariant(name, said);
        return why === undefined ? [] : [[name, why]];
      });
      return new Map(refusals);
    },
    refusalOf(url, job) {
      const classes = byServer.get(url);
      const bound = classes === undefined || job.bound === "{}" ? undefined : parseExact(job.bound);
      if (classes === undefined || bound === undefined || !isJsonObject(bound)) return undefined;
      const { graph, bindings } = variants.get(job.variant);
      const refusals = promptRefusals(bound, { bindings, values: boundValues(graph, classes) });
      return refusals.find(({ isCertain }) => isCertain)?.message;
    },
  };

  function refusalOfVariant(name: string, said: ServerClasses): string | undefined {
    const { graph, bindings, params, workflow } = variants.get(name);
    const allowed = config.workflows[workflow]?.allow_nodes ?? ["core"];
    try {
      checkAllowedNodes(graph, allowed, { workflow, servers: [said] });
    } catch (error) {
      if (error instanceof ConfigError) return messageOf(error);
      throw error;
    }
    const unknown = graphProblems(graph, said).filter(({ kind }) => kind === "unknown-class");
    if (unknown.length > 0) return unknown.map(({ message }) => message).join("; ");
    const refusals = variantRefusals({ graph, params, bound: { graph, bindings } }, rule, said);
    const certain = refusals.filter(({ isCertain }) => isCertain).map(({ message }) => message);
    return certain.length === 0 ? undefined : certain.join("; ");
  }
}

interface Reading {
  readonly classes: readonly string[];
  readonly config: Pick<Config, "generate">;
  readonly signal: AbortSignal;
}

/**
 * Returns null if a server, or a proxy before it, does not tell or forbids the question. It then refuses by itself what it does not take.
 * Credentials
 * are to blame only where other requests are refused, too.
 */
async function readOrNothing(client: ComfyClient, { classes, config, signal }: Reading): Promise<ServerClasses | null> {
  try {
    return await readServerClasses(client, config.generate.save_as === "temp" ? [...classes, "PreviewImage"] : classes, signal);
  } catch (error) {
    if (error instanceof TransientError || error instanceof FatalError) return null;
    throw error;
  }
}
