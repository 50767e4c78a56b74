import { graphProblems } from "../../comfy/graph-problems.ts";
import type { ServerClasses } from "../../comfy/server-classes.ts";
import type { SeedRule } from "../../stages/plan.ts";
import type { ReadyToPlan } from "../../stages/prepare-variants.ts";
import { constantsOf, variantRefusals, variantRoundings } from "../../stages/value-refusals.ts";
import type { Finding } from "./finding.ts";

/** Compares a variant, its seeds included, with what a server says of the nodes. */
export function checkWorkflow(variant: ReadyToPlan, rule: SeedRule, classes: ServerClasses): Finding {
  const { graph, bound } = variant;
  const filledLater = [
    ...Object.values(bound.bindings).flat(),
    ...constantsOf(variant).map(({ place }) => place), // Compared below.
    ...bound.outputs.map((nodeId) => ({ nodeId, input: "filename_prefix" })),
  ];
  const { objectInfo, replacements } = classes;
  const problems = [
    ...graphProblems(graph, { objectInfo, replacements, outputs: bound.outputs, filledLater }).map(({ message }) => message),
    ...variantRefusals(variant, rule, classes).map(({ name, max, message }) =>
      name === "seed" && max !== undefined ? `${message}; set candidates.seeds: { max: ${max} }` : message,
    ),
  ];
  const name = `variant ${variant.variant}`;
  if (problems.length > 0) return { what: classes.url, ok: false, text: `${name}: ${problems.join("; ")}` };
  const roundings = variantRoundings(variant, classes);
  if (roundings.length === 0) return { what: classes.url, ok: true, text: `${name}: runs here` };
  return { what: classes.url, ok: true, warning: true, text: `${name}: runs here, but ${roundings.join("; ")}` };
}
