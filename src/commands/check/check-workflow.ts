import { graphProblems } from "../../comfy/nodes/graph-problems.ts";
import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import type { ObjectInfo } from "../../comfy/nodes/object-info.ts";
import { type ApiGraph, describeNode, nodeOf } from "../../comfy/graph/graph.ts";
import type { SeedRule } from "../../stages/plan/plan.ts";
import type { ReadyToPlan } from "../../stages/plan/prepare-variants.ts";
import { byteSize, counted } from "../../lib/words.ts";
import type { Finding } from "./finding.ts";
import { constantsOf, variantRefusals, variantRoundings } from "../../stages/plan/refuse-values.ts";

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
    ...bound.outputs.flatMap((nodeId) => outputProblem(graph, nodeId, objectInfo)),
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

/** A server runs only what an output node needs: whatever a node's name says, it knows which are. */
function outputProblem(graph: ApiGraph, nodeId: string, objectInfo: ObjectInfo): readonly string[] {
  const info = objectInfo.get(nodeOf(graph, nodeId)?.class_type ?? "");
  if (info === undefined || info.isOutputNode) return [];
  return [`${describeNode(graph, nodeId)} is no output node on this server, which would run nothing for it`];
}

/** Finds reference images that are larger than the server takes; nothing where it does not say. */
export function checkUploadSizes(
  url: string,
  { files, maxBytes }: { readonly files: readonly { readonly path: string; readonly bytes: number }[]; readonly maxBytes: number | null },
): readonly Finding[] {
  const large = maxBytes === null ? [] : files.filter(({ bytes }) => bytes > maxBytes);
  const [first] = large;
  if (first === undefined || maxBytes === null) return [];
  const text = `it takes uploads of ${byteSize(maxBytes)} at most, and ${counted(large.length, "reference image")} are larger (the first: ${first.path}): start it with a larger --max-upload-size`;
  return [{ what: url, ok: false, text }];
}
