import type { Json } from "../../lib/exact-json.ts";
import { detectTexts, valueBehind } from "./detect.ts";
import { formatPlace, nodeOf, type ApiGraph, type Place, asReference } from "./graph.ts";

/** Inputs that a person most likely meant to differ from image to image. */
export interface ConstantInputs {
  /** Texts on the positive side. A negative text that stays the same is the rule. */
  readonly texts: readonly Place[];
  readonly seeds: readonly Place[];
}

export interface GraphUse {
  /** Places that each job fills with a value of its own. */
  readonly filled: readonly Place[];
  /** The nodes whose images are taken. */
  readonly outputs: readonly string[];
}

const SEED_INPUTS = ["seed", "noise_seed"];

/** Finds the texts and seeds that stay the same in all images of a graph. Nodes that lead to no output are never run, and do not count. */
export function constantInputs(graph: ApiGraph, { filled, outputs }: GraphUse): ConstantInputs {
  const run = ancestorsOf(graph, outputs);
  const isFilled = new Set(filled.map(formatPlace));
  const stays = (place: Place): boolean => run.has(place.nodeId) && !isFilled.has(formatPlace(place));
  const texts = detectTexts(graph, "positive", ([nodeId]) => run.has(nodeId))
    .flat()
    .filter((place) => stays(place) && !isEmptyText(nodeOf(graph, place.nodeId)?.inputs[place.input]));
  const seeds = [...run].flatMap((nodeId): Place[] => {
    // A second sampler that goes on with a first one's latent adds no noise, so its seed does nothing.
    if (nodeOf(graph, nodeId)?.inputs["add_noise"] === "disable") return [];
    return SEED_INPUTS.flatMap((input) => valueBehind(graph, { nodeId, input }) ?? []).filter(stays);
  });
  return { texts: unique(texts), seeds: unique(seeds) };
}

function isEmptyText(value: Json | undefined): boolean {
  return typeof value === "string" && value.trim() === "";
}

/** True if a run may make several images, a number that the graph does not tell. */
export function mayMakeSeveral(graph: ApiGraph, outputs: readonly string[]): boolean {
  const isOne = (value: unknown): boolean => value === undefined || value === 1;
  const several = [...ancestorsOf(graph, outputs)].some((nodeId) => {
    const { inputs = {}, class_type: classType = "" } = nodeOf(graph, nodeId) ?? {};
    return !isOne(inputs["batch_size"]) || !isOne(inputs["amount"]) || /batch|list|repeat|split|tile/i.test(classType);
  });
  return several || outputs.length > 1;
}

function ancestorsOf(graph: ApiGraph, outputs: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...outputs];
  for (let nodeId = open.pop(); nodeId !== undefined; nodeId = open.pop()) {
    const node = nodeOf(graph, nodeId);
    if (node === undefined || seen.has(nodeId)) continue;
    seen.add(nodeId);
    for (const value of Object.values(node.inputs)) {
      const link = asReference(value);
      if (link !== undefined) open.push(link.nodeId);
    }
  }
  return seen;
}

function unique(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.map((place) => [formatPlace(place), place])).values()];
}
