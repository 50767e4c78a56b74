import type { Json } from "../../lib/exact-json.ts";
import type { ApiNode } from "./graph.ts";
import { asReference } from "./reference.ts";

/** What a node leaves behind: images that a dataset can hold, or something else. */
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

/** What kind of saver a node is, undefined if it saves nothing (as far as its class and inputs tell). */
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
