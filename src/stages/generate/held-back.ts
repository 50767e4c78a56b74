import type { Place } from "../../comfy/graph/graph.ts";
import { secretPlaces } from "../../comfy/graph/secrets.ts";
import { extraDataOf } from "../../comfy/graph/workflow.ts";
import type { Config } from "../../config/schema.ts";
import type { Json, JsonObject } from "../../lib/exact-json.ts";
import { prepareVariants } from "../plan/prepare-variants.ts";

/** What a variant's jobs are sent and the database does not keep. */
export interface HeldBack {
  readonly extraData: JsonObject;
  readonly secrets: readonly (readonly [Place, Json])[];
}

export const NOTHING_HELD_BACK: HeldBack = { extraData: {}, secrets: [] };

/**
 * Reads from workflow files and configuration what jobs are sent and the database does not keep, by variant.
 * @throws {ConfigError} as prepareVariants() does, which planning has just called.
 */
export async function readHeldBack(config: Parameters<typeof prepareVariants>[0] & Pick<Config, "workflows">) {
  // Planning has just asked the servers whose the nodes are.
  const variants = await prepareVariants(config, { refuse: () => undefined });
  return new Map(
    variants.map(({ variant, graph, wrapper }): [string, HeldBack] => [
      variant,
      {
        extraData: extraDataOf(wrapper),
        secrets: secretPlaces(graph).map((place) => [place, graph[place.nodeId]?.inputs[place.input] ?? null] as const),
      },
    ]),
  );
}
