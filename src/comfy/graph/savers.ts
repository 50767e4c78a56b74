import type { Json } from "../../lib/exact-json.ts";
import { type ApiNode, describeNode, nodeOf, type ApiGraph, asReference } from "./graph.ts";
import { ConfigError } from "../../errors.ts";

/** The output of a node: images that a dataset can hold, or something else. */
export type SaverKind =
  | "image"
  | "preview"
  | "video"
  | "animation"
  | "audio"
  | "3D"
  | "vector"
  | "latent"
  | "model"
  | "unsupported"
  | "websocket";

/** ComfyUI 0.3.64's own savers, and the widespread custom ones whose names the patterns below would miss. */
const SAVERS: ReadonlyMap<string, SaverKind> = new Map([
  ["SaveImage", "image"],
  ["PreviewImage", "preview"],
  ["MaskPreview", "preview"],
  ["SaveImageWebsocket", "websocket"],
  ["SaveAnimatedWEBP", "animation"],
  ["SaveAnimatedPNG", "animation"],
  ["SaveWEBM", "video"],
  ["SaveVideo", "video"],
  ["VHS_VideoCombine", "video"],
  ["PreviewAudio", "audio"],
  ["SaveGLB", "3D"],
  ["Preview3D", "3D"],
  ["Preview3DAnimation", "3D"],
  ["SaveSVGNode", "vector"],
  ["SaveLatent", "latent"],
  ["CheckpointSave", "model"],
  ["CLIPSave", "model"],
  ["VAESave", "model"],
  ["ModelSave", "model"],
  ["LoraSave", "model"],
  ["SaveLoRANode", "model"],
  ["ImageOnlyCheckpointSave", "model"],
]);

/** Custom savers by name, the more special kinds first. Those that write files take a filename_prefix by convention. */
const PATTERNS: readonly (readonly [RegExp, SaverKind])[] = [
  [/audio|mp3|flac|opus|wav/i, "audio"],
  [/video|webm|mp4/i, "video"],
  [/animated|gif/i, "animation"],
  [/glb|gltf|mesh|3d|splat/i, "3D"],
  [/svg/i, "vector"],
  [/exr|tiff|avif|heic/i, "unsupported"],
  [/latent|conditioning/i, "latent"],
  [/checkpoint|lora|model|unet|vae|clip/i, "model"],
  [/image|picture|png|jpe?g|webp/i, "image"],
];

/** Returns the kind of saver that a node is, or undefined if it saves nothing (as far as its class and inputs tell). */
export function saverKindOf(node: ApiNode): SaverKind | undefined {
  const known = SAVERS.get(node.class_type);
  if (known !== undefined) return known;
  if (!takesFilenamePrefix(node) && !/^save|saver?$/i.test(node.class_type)) return undefined;
  return PATTERNS.find(([pattern]) => pattern.test(node.class_type))?.[1] ?? "image";
}

/** True for nodes that name their files by a prefix that we can choose. */
export function takesFilenamePrefix(node: ApiNode): boolean {
  return node.class_type === "SaveImage" || Object.hasOwn(node.inputs, "filename_prefix");
}

/** The link to the images that a saver saves, undefined where there is none. */
export function savedImagesOf(node: ApiNode): Json | undefined {
  return [node.inputs["images"], node.inputs["image"]].find((value) => asReference(value) !== undefined);
}

/**
 * Core nodes that write the prompt into each PNG that they save, unless the server was started with --disable-metadata.
 * Source: SaveImage and PreviewImage, nodes.py; MaskPreview, comfy_extras/nodes_mask.py; SaveImageAdvanced, comfy_extras/nodes_images.py.
 */
const EMBEDDING: ReadonlySet<string> = new Set(["SaveImage", "PreviewImage", "MaskPreview", "SaveImageAdvanced"]);

/** True for nodes that are known to embed the prompt. Others may or may not: that it is missing proves nothing. */
export function embedsPrompt(classType: string): boolean {
  return EMBEDDING.has(classType);
}

/** Formats that savers offer and that no dataset of images can hold, by the words that their inputs know them by. */
const UNSUPPORTED =
  /^(?:image\/|video\/|\.)?(?:exr|openexr|hdr|avif|heic|heif|tiff?|bmp|gif|apng|jxl|jpeg ?xl|jp2|j2k|jpeg ?2000|jxr|qoi|psd|svg|tga|dds|ico|ppm|pgm|pfm|mp4|webm|mov|mkv)(?![a-z\d])/i;
/** Inputs that name a file, not its format. */
const NAMES = /prefix|name|path|folder|dir/i;

interface UnsupportedOptions {
  readonly outputs: readonly string[];
  readonly variant: string;
}

/**
 * Refuses outputs that are told to save what harvest could only reject, before a night is spent on it. A format that is not written in the
 * graph (a link, a value of each prompt) is seen by harvest alone.
 * @throws {ConfigError}
 */
export function refuseUnsupported(graph: ApiGraph, { outputs, variant }: UnsupportedOptions): void {
  for (const nodeId of outputs) {
    const inputs = Object.entries(nodeOf(graph, nodeId)?.inputs ?? {});
    const found = inputs.find(([input, value]) => typeof value === "string" && UNSUPPORTED.test(value.trim()) && !NAMES.test(input));
    if (found === undefined) continue;
    const [input, value] = found;
    throw new ConfigError(
      `Cannot use ${describeNode(graph, nodeId)} as an output of variant ${variant}: its input "${input}" is ${JSON.stringify(value)}, and a dataset holds PNG, JPEG and WebP`,
      { hint: `choose png in that node and export the workflow again, or set { "${nodeId}.${input}": png } in candidates.variants` },
    );
  }
}
