import type { Json } from "../../lib/exact-json.ts";
import { formatPlace, nodeOf, type ApiGraph, type ApiNode, type Place, asReference, type Reference } from "./graph.ts";
import { saverKindOf, takesFilenamePrefix } from "./savers.ts";

/** The names that a configuration may bind, as far as a graph shows them by itself. */
export type DetectedName = "prompt" | "negative" | "seed" | "width" | "height" | "steps" | "cfg" | "guidance" | "checkpoint";

/** The places that a new configuration could bind. A name without places was not found. With several, a person has to choose. */
export interface Detection {
  /** Each candidate is the list of places that belong together, such as the text inputs of one encoder. */
  readonly bind: Readonly<Record<DetectedName, readonly (readonly Place[])[]>>;
  /** Nodes that save images; previews where nothing else does. */
  readonly outputs: readonly string[];
}

/** Inputs that hold what a text encoder encodes, for all architectures that ComfyUI brings along. */
const TEXT_INPUTS: ReadonlySet<string> = new Set(
  "text text_g text_l prompt user_prompt positive_prompt clip_l clip_g t5xxl bert mt5xl llama qwen25_7b string value".split(" "),
);

/** Proposes bindings for a graph that nobody described: follows samplers back to their text, seed and size. */
export function detectBindings(graph: ApiGraph): Detection {
  const prompt = detectTexts(graph, "positive");
  const asPrompt = new Set(prompt.map(keyOf));
  // A negative made from the prompt's own encoder (zeroed out, as for Flux) is none to bind.
  const negative = detectTexts(graph, "negative").filter((places) => !asPrompt.has(keyOf(places)));
  const isEmptyImage = (node: ApiNode): boolean => /^empty.*(?:latent|image)/i.test(node.class_type);
  const isModelLoader = (node: ApiNode): boolean => /load/i.test(node.class_type);
  return {
    bind: {
      prompt,
      negative,
      seed: detectSeeds(graph),
      width: valuesOf(graph, ["width"], isEmptyImage),
      height: valuesOf(graph, ["height"], isEmptyImage),
      steps: valuesOf(graph, ["steps"], isSampling),
      cfg: valuesOf(graph, ["cfg"], isSampling),
      guidance: valuesOf(graph, ["guidance"], () => true),
      checkpoint: valuesOf(graph, ["ckpt_name", "unet_name"], isModelLoader),
    },
    outputs: detectOutputs(graph),
  };
}

function isSampling(node: ApiNode): boolean {
  return /sampl|guider|scheduler|sigmas/i.test(node.class_type);
}

function detectSeeds(graph: ApiGraph): readonly (readonly Place[])[] {
  const names = ["seed", "noise_seed"];
  // A second sampler that goes on with a first one's latent adds no noise, so its seed does nothing.
  const addsNoise = (node: ApiNode): boolean => node.inputs["add_noise"] !== "disable";
  const ofSamplers = valuesOf(graph, names, (node) => /sampl|noise/i.test(node.class_type) && addsNoise(node));
  return ofSamplers.length > 0 ? ofSamplers : valuesOf(graph, names, () => true);
}

function detectOutputs(graph: ApiGraph): readonly string[] {
  const ofKind = (kind: string): readonly string[] =>
    Object.entries(graph).flatMap(([nodeId, node]) =>
      saverKindOf(node) === kind && (kind === "preview" || takesFilenamePrefix(node)) ? [nodeId] : [],
    );
  const savers = ofKind("image");
  return savers.length > 0 ? savers : ofKind("preview");
}

/** The values of inputs so named on nodes that `matches` takes; behind a link, the one value of the node that feeds it. */
function valuesOf(graph: ApiGraph, names: readonly string[], matches: (node: ApiNode) => boolean): readonly (readonly Place[])[] {
  const found = Object.entries(graph).flatMap(([nodeId, node]) =>
    matches(node) ? names.flatMap((input) => valueBehind(graph, { nodeId, input }) ?? []).map((place) => [place]) : [],
  );
  return unique(found);
}

/** The place itself if it holds a value; where a primitive node feeds it, that node's only value. */
export function valueBehind(graph: ApiGraph, place: Place): Place | undefined {
  const value = nodeOf(graph, place.nodeId)?.inputs[place.input];
  if (isScalar(value)) return place;
  const link = asReference(value);
  const source = link === undefined ? undefined : nodeOf(graph, link.nodeId);
  if (link === undefined || source === undefined) return undefined;
  // The editor's control_after_generate ("fixed", "randomize") is no input of the node.
  const inputs = Object.keys(source.inputs).filter((input) => input !== "control_after_generate");
  const [only] = inputs;
  return only !== undefined && inputs.length === 1 && isScalar(source.inputs[only]) ? { nodeId: link.nodeId, input: only } : undefined;
}

function isScalar(value: Json | undefined): boolean {
  return value !== undefined && value !== null && typeof value !== "object";
}

/**
 * Finds the text at the far end of the positive or negative conditioning of every sampler or guider, or of the nodes that `isStart` takes.
 */
export function detectTexts(
  graph: ApiGraph,
  side: "positive" | "negative",
  isStart: (entry: readonly [string, ApiNode]) => boolean = ([, node]) => isSampling(node),
): readonly (readonly Place[])[] {
  const starts = Object.entries(graph).flatMap(([nodeId, node]) => {
    if (!isStart([nodeId, node])) return [];
    // BasicGuider has a single conditioning, which is the positive one.
    return asReference(node.inputs[side]) ?? (side === "positive" ? (asReference(node.inputs["conditioning"]) ?? []) : []);
  });
  return unique(starts.flatMap((start) => textsBehind(graph, start, { side, seen: new Set() })));
}

interface Trace {
  readonly side: "positive" | "negative";
  /** Nodes on the way, so that a cycle ends. */
  readonly seen: Set<string>;
}

function textsBehind(graph: ApiGraph, { nodeId, output }: Reference, { side, seen }: Trace): readonly (readonly Place[])[] {
  const node = nodeOf(graph, nodeId);
  if (node === undefined || seen.has(nodeId)) return [];
  seen.add(nodeId);
  const texts = textInputsOf(graph, nodeId, node);
  if (texts.length > 0) return [texts];
  // Zeroed conditioning has no text left in it.
  if (node.class_type === "ConditioningZeroOut") return [];
  // Control nets take both sides and give them on in the same order.
  const isPair = asReference(node.inputs["positive"]) !== undefined && asReference(node.inputs["negative"]) !== undefined;
  const passed = isPair
    ? [output === 1 ? "negative" : "positive"]
    : Object.keys(node.inputs).filter((input) => isConditioning(input, side));
  return passed.flatMap((input) => {
    const link = asReference(node.inputs[input]);
    return link === undefined ? [] : textsBehind(graph, link, { side, seen });
  });
}

function isConditioning(input: string, side: string): boolean {
  return input === side || /^cond/i.test(input);
}

/** The texts that an encoder holds, or that a text node feeds to it. */
function textInputsOf(graph: ApiGraph, nodeId: string, node: ApiNode): readonly Place[] {
  return Object.keys(node.inputs).flatMap((input) => {
    if (!TEXT_INPUTS.has(input)) return [];
    const place = valueBehind(graph, { nodeId, input });
    return place !== undefined && typeof nodeOf(graph, place.nodeId)?.inputs[place.input] === "string" ? [place] : [];
  });
}

function unique(candidates: readonly (readonly Place[])[]): readonly (readonly Place[])[] {
  return [...new Map(candidates.map((places) => [keyOf(places), places])).values()];
}

function keyOf(places: readonly Place[]): string {
  return places.map(formatPlace).join(" ");
}
