import { fitValue } from "../comfy/fit-value.ts";
import { describeNode, nodeOf } from "../comfy/graph.ts";
import type { BoundWorkflow } from "../comfy/prepare-variant.ts";
import { stringifyExact } from "../lib/exact-json.ts";
import type { PromptRow } from "../prompts/read-prompts.ts";

/**
 * Finds the cells of a prompt that cannot stand in the inputs they are bound to: known at planning, with the line, instead of at night
 * from a job that fails. Such a prompt fails alone, so that one bad cell of 200,000 stops nothing.
 */
export function unfitCells(
  variants: readonly { readonly workflow: string; readonly bound: BoundWorkflow }[],
): (row: Pick<PromptRow, "bound">) => readonly string[] {
  // No variant can set what each job fills, so variants of one workflow agree.
  const workflows = [...new Map(variants.map(({ workflow, bound }) => [workflow, bound])).values()];
  return ({ bound }) =>
    Object.entries(bound).flatMap(([name, value]) =>
      workflows.flatMap(({ graph, bindings }) =>
        (bindings[name] ?? []).flatMap(({ nodeId, input }) => {
          const present = nodeOf(graph, nodeId)?.inputs[input];
          if (fitValue(value, present) !== undefined) return [];
          return [
            `whose ${name} cannot stand in input "${input}" of ${describeNode(graph, nodeId)}, which holds ${stringifyExact(present ?? null)}: will fail, the others go on`,
          ];
        }),
      ),
    );
}
