/**
 * Core nodes that write the prompt into each PNG that they save, unless the server was started with --disable-metadata.
 * Source: SaveImage and PreviewImage, nodes.py; MaskPreview, comfy_extras/nodes_mask.py; SaveImageAdvanced, comfy_extras/nodes_images.py.
 */
const EMBEDDING: ReadonlySet<string> = new Set(["SaveImage", "PreviewImage", "MaskPreview", "SaveImageAdvanced"]);

/** True for nodes that are known to embed the prompt. Others may or may not: that it is missing proves nothing. */
export function embedsPrompt(classType: string): boolean {
  return EMBEDDING.has(classType);
}
