import { tryParsePython } from "../../lib/python-json.ts";
import { exifTexts } from "../../images/exif-texts.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import type { ReadImage } from "./read-image.ts";

/** Custom savers write `prompt:{…}` into one tag or another. Source: ComfyUI's own SaveAnimatedWEBP, comfy_extras/nodes_images.py. */
const PROMPT = /^\s*(?:prompt:)?\s*(\{.*)$/is;

/** The graph that an image embeds: a PNG in its text chunk, JPEG and WebP where custom savers leave it in EXIF. Null where there is none. */
export async function embeddedPrompt({ facts, bytes }: ReadImage): Promise<string | null> {
  if (facts.embeddedPrompt !== null || facts.format.name === "png" || bytes === null) return facts.embeddedPrompt;
  return promptInExif(bytes);
}

/** The graph in the EXIF data of a JPEG or WebP, null where there is none. */
export async function promptInExif(image: Buffer): Promise<string | null> {
  const { default: sharp } = await import("sharp");
  // Its structure may be whole, which says nothing of its headers: what cannot be read tells no prompt.
  const exif = await sharp(image)
    .metadata()
    .then((found) => found.exif)
    .catch(() => undefined);
  if (exif === undefined) return null;
  for (const text of exifTexts(exif)) {
    const json = PROMPT.exec(text)?.[1];
    if (json !== undefined && isGraph(json)) return json;
  }
  return null;
}

function isGraph(json: string): boolean {
  const value = tryParsePython(json);
  if (!isJsonObject(value)) return false;
  const nodes = Object.values(value);
  return nodes.length > 0 && nodes.every((node) => isJsonObject(node) && typeof node["class_type"] === "string");
}
