import { boundValues } from "../../comfy/nodes/bound-values.ts";
import { fitValue } from "../../comfy/graph/fit-value.ts";
import { describeNode, nodeOf } from "../../comfy/graph/graph.ts";
import type { BoundWorkflow } from "../../comfy/graph/prepare-variant.ts";
import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import { stringifyExact } from "../../lib/exact-json.ts";
import type { PromptRow } from "../../prompts/read-prompts.ts";
import { promptRefusals } from "./value-refusals.ts";

/**
 * Finds the cells of a prompt that cannot stand in the inputs they are bound to, or that every server would refuse there: known at planning,
 * with the line, instead of at night from a job that fails. Such a prompt fails alone, so that one bad cell of 200,000 stops nothing.
 */
export function unfitCells(
  variants: readonly { readonly workflow: string; readonly bound: BoundWorkflow }[],
  servers: readonly ServerClasses[] = [],
): (row: Pick<PromptRow, "bound">) => readonly string[] {
  // No variant can set what each job fills, so variants of one workflow agree.
  const workflows = [...new Map(variants.map(({ workflow, bound }) => [workflow, bound])).values()].map((bound) => ({
    ...bound,
    values: servers.map((server) => boundValues(bound.graph, server)),
  }));
  return ({ bound }) => [
    ...Object.entries(bound).flatMap(([name, value]) =>
      workflows.flatMap(({ graph, bindings }) =>
        (bindings[name] ?? []).flatMap(({ nodeId, input }) => {
          const present = nodeOf(graph, nodeId)?.inputs[input];
          if (fitValue(value, present) !== undefined) return [];
          return [
            `whose ${name} cannot stand in input "${input}" of ${describeNode(graph, nodeId)}, which holds ${stringifyExact(present ?? null)}: will fail, the others go on`,
          ];
        }),
      ),
    ),
    ...workflows.flatMap(({ bindings, values }) => {
      const refusals = values.map((each) => promptRefusals(bound, { bindings, values: each }).filter(({ isCertain }) => isCertain));
      // What one server takes, one server runs.
      if (refusals.length === 0 || refusals.some((each) => each.length === 0)) return [];
      return (refusals[0] ?? []).map(({ name, nature }) => `whose ${name} is ${nature}, on every server: will fail, the others go on`);
    }),
  ];
}
