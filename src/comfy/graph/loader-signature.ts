import { canonicalJson, type JsonObject } from "../../lib/exact-json.ts";
import { type ApiGraph, referencesIn } from "./graph.ts";

/** Classes that put weights into memory, ComfyUI's own and custom ones, by their customary names. */
const LOADER = /(?=.*load)(?=.*(?:checkpoint|ckpt|unet|diffus|vae|clip|lora|controlnet|model|hypernetwork|gligen|photomaker))/i;

/** Files of weights: what marks a loader whose class says nothing. */
const WEIGHTS = /\.(?:safetensors|sft|ckpt|gguf|pth?|bin)$/i;

/** The inputs that name the model which draws the images. */
const MODEL_INPUTS = ["ckpt_name", "unet_name", "model_path"] as const;

/**
 * Canonical text of what a graph loads: checkpoints, diffusion models, VAEs, text encoders, LoRAs, control nets. Jobs with one
 * signature run one after another, so that servers seldom change what is in their memory. "" where nothing is loaded.
 */
export function loaderSignature(graph: ApiGraph): string {
  // Without ids and links: two workflows that load the same files share a signature, however they are numbered.
  const loaders = loaderNodes(graph).map(({ classType, inputs }) => canonicalJson([classType, inputs]));
  return loaders.length === 0 ? "" : `[${loaders.toSorted().join(",")}]`;
}

/** File name of the first checkpoint or diffusion model in the order of the nodes; "" where none is named. */
export function modelOf(graph: ApiGraph): string {
  for (const { inputs } of loaderNodes(graph)) {
    for (const input of MODEL_INPUTS) {
      const file = inputs[input];
      if (typeof file === "string") return file;
    }
  }
  return "";
}

function loaderNodes(graph: ApiGraph): readonly { readonly classType: string; readonly inputs: JsonObject }[] {
  return Object.values(graph).flatMap(({ class_type: classType, inputs }) => {
    const values = Object.entries(inputs).filter(([, value]) => referencesIn(graph, value).length === 0);
    const isLoader = LOADER.test(classType) || values.some(([, value]) => typeof value === "string" && WEIGHTS.test(value));
    return isLoader ? [{ classType, inputs: Object.fromEntries(values) }] : [];
  });
}
