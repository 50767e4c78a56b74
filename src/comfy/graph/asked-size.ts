import type { Json } from "../../lib/exact-json.ts";
import { nodeOf, type ApiGraph, asReference, type Reference } from "./graph.ts";
import { savedImagesOf } from "./savers.ts";

/** The size of an image that a graph asks for. */
export interface AskedSize {
  readonly widthPx: number;
  readonly heightPx: number;
  /** False: it may be larger, since a VAE may enlarge what it decodes. */
  readonly isExact: boolean;
}

/** The value that stands in an input when the graph is run. */
export type ReadInput = (nodeId: string, input: string) => Json | undefined;

/** Core nodes whose images are as large as those that come in, by the input that these come through. Source: nodes.py, comfy_extras/. */
const SAME_SIZE: ReadonlyMap<string, string> = new Map([
  ["SaveImage", "images"],
  ["SaveImageAdvanced", "images"],
  ["ImageInvert", "image"],
  ["ImageBlur", "image"],
  ["ImageSharpen", "image"],
  ["ImageQuantize", "image"],
  ["ImageAddNoise", "image"],
  ["ImageFromBatch", "image"],
  ["RepeatImageBatch", "image"],
  // Nodes that make latents:
  ["KSampler", "latent_image"],
  ["KSamplerAdvanced", "latent_image"],
  ["SamplerCustom", "latent_image"],
  ["SamplerCustomAdvanced", "latent_image"],
  ["LatentFromBatch", "samples"],
  ["RepeatLatentBatch", "samples"],
]);
const DECODERS = new Set(["VAEDecode", "VAEDecodeTiled"]);
const EXACT_SOURCES = new Set(["EmptyImage", "ImageScale"]);
const LATENT_SOURCES = new Set(["EmptyLatentImage", "EmptySD3LatentImage", "EmptyFlux2LatentImage"]);
/** Latents are 8 times smaller than their images, and of newer models up to 64 times: what is left over is rounded off. */
const LATENT_MULTIPLES_PX = [64, 8] as const;

/**
 * Returns the size of the images that an output node saves. Returns null if a node that is not a core node can change the size.
 * `read` gives the values of one job that differ from the graph's.
 */
export function askedSize(graph: ApiGraph, outputNodeId: string, read: ReadInput = readFrom(graph)): AskedSize | null {
  const output = nodeOf(graph, outputNodeId);
  let link: Reference | undefined = output === undefined ? undefined : asReference(savedImagesOf(output));
  let isDecoded = false;
  const seen = new Set<string>();
  while (link !== undefined && !seen.has(link.nodeId)) {
    const { nodeId } = link;
    seen.add(nodeId);
    const classType = nodeOf(graph, nodeId)?.class_type ?? "";
    if (!isDecoded && EXACT_SOURCES.has(classType)) return sizeAt(nodeId, read);
    if (isDecoded && LATENT_SOURCES.has(classType)) return atLeast(sizeAt(nodeId, read));
    const decodes: boolean = !isDecoded && DECODERS.has(classType);
    const through = decodes ? "samples" : SAME_SIZE.get(classType);
    isDecoded ||= decodes;
    link = through === undefined ? undefined : asReference(read(nodeId, through));
  }
  return null;
}

export function readFrom(graph: ApiGraph): ReadInput {
  return (nodeId, input) => nodeOf(graph, nodeId)?.inputs[input];
}

/** Null for links, and for 0, which is how ImageScale is told to keep the proportions. */
function sizeAt(nodeId: string, read: ReadInput): AskedSize | null {
  const [widthPx, heightPx] = [read(nodeId, "width"), read(nodeId, "height")].map((value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null,
  );
  return widthPx == null || heightPx == null ? null : { widthPx, heightPx, isExact: true };
}

function atLeast(size: AskedSize | null): AskedSize | null {
  if (size === null) return null;
  const floor = (px: number): number => {
    const multiple = LATENT_MULTIPLES_PX.find((each) => px >= each) ?? 1;
    return px - (px % multiple);
  };
  return { widthPx: floor(size.widthPx), heightPx: floor(size.heightPx), isExact: false };
}
