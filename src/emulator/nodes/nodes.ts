import { createHash } from "node:crypto";
import { dict, type PyDict, type PyValue } from "../python-json.ts";
import { PyException, pyStr } from "../python-values.ts";
import { digest, sizeOf, type Image, scaledImages, type Scaling } from "../images/image.ts";

/** The value of a link: images, or a stand-in for a tensor or a model. */
export type NodeValue =
  | { readonly kind: "images"; readonly images: readonly Image[] }
  | {
      readonly kind: "latent";
      readonly key: string;
      readonly palette: string;
      readonly width: number;
      readonly height: number;
      readonly batch: number;
    }
  /** A model, a text encoder, a VAE, a conditioning, a mask: `key` tells it from every other, `palette` comes from the text in it. */
  | { readonly kind: "other"; readonly key: string; readonly palette: string };

/** The result of a node. */
export interface NodeOutput {
  readonly values: readonly NodeValue[];
  /** Shown in history and in `executed` by an output node; undefined if there is nothing to show. */
  readonly ui: PyDict | undefined;
}

/** A node's inputs, links followed. */
export type NodeInputs = ReadonlyMap<string, PyValue | NodeValue>;

/** The outside world of the nodes. */
export interface NodeDeps {
  /** Saves a batch; returns what history says of it. */
  save(request: {
    readonly images: readonly Image[];
    readonly prefix: string;
    readonly type: "output" | "temp";
    readonly ending?: "";
  }): PyValue;
  /** The file that LoadImage names; undefined if it is gone. */
  readImage(name: string): Uint8Array | undefined;
  /** `_temp_` and five letters: PreviewImage's own addition to its prefix. */
  readonly tempSuffix: string;
}

/** ComfyUI's words for torch's OutOfMemoryError; the tip below them is ComfyUI's own. */
export function outOfMemory(): PyException {
  const tip = "TIPS: If the workflow worked before you might have accidentally set the batch_size to a large number.";
  const message = `Allocation on device \nThis error means you ran out of memory on your GPU.\n\n${tip}`;
  return new PyException("torch.OutOfMemoryError", message);
}

/** The biggest image times batch that this pretend GPU holds, pixels. */
const PIXELS_MAX = 2 ** 28;

type NodeFunction = (inputs: NodeInputs, deps: NodeDeps) => NodeOutput;

const NODE_FUNCTIONS: Readonly<Record<string, NodeFunction>> = {
  CheckpointLoaderSimple: (inputs) => {
    const name = text(inputs, "ckpt_name");
    return made(other("model", name), other("clip", name), other("vae", name));
  },
  VAELoader: (inputs) => made(other("vae", text(inputs, "vae_name"))),
  LoraLoader: (inputs) => {
    const lora = text(inputs, "lora_name");
    const model = otherInput(inputs, "model");
    const clip = otherInput(inputs, "clip");
    return made(other(model.key, lora, number(inputs, "strength_model")), other(clip.key, lora, number(inputs, "strength_clip")));
  },
  CLIPTextEncode: (inputs) => {
    const prompt = text(inputs, "text");
    return made({ kind: "other", key: digest(otherInput(inputs, "clip").key, prompt), palette: digest(prompt) });
  },
  EmptyLatentImage: (inputs) => {
    const size = limited({ width: number(inputs, "width"), height: number(inputs, "height"), batch: number(inputs, "batch_size") });
    // A latent has one value for 8×8 pixels, so that sizes are cut to multiples of 8.
    const width = Math.max(8, size.width - (size.width % 8));
    const height = Math.max(8, size.height - (size.height % 8));
    return made({ kind: "latent", key: digest("empty", width, height), palette: "", width, height, batch: size.batch });
  },
  KSampler: sample,
  VAEDecode: (inputs) => {
    const { key, palette, width, height, batch } = latentInput(inputs, "samples");
    const vae = otherInput(inputs, "vae").key;
    const images = indices(batch).map((index): Image => ({ op: "scene", width, height, palette, key: digest(key, vae, index) }));
    return made({ kind: "images", images });
  },
  EmptyImage: (inputs) => {
    const size = limited({ width: number(inputs, "width"), height: number(inputs, "height"), batch: number(inputs, "batch_size") });
    const image: Image = { op: "solid", width: size.width, height: size.height, color: number(inputs, "color") };
    return madeImages(indices(size.batch).map(() => image));
  },
  ImageAddNoise: (inputs) => {
    const seed = text(inputs, "seed");
    const strength = number(inputs, "strength");
    return madeImages(imagesInput(inputs, "image").map((of, index) => ({ op: "noise", of, key: digest(seed, index), strength })));
  },
  ImageInvert: (inputs) => madeImages(imagesInput(inputs, "image").map((of) => ({ op: "invert", of }))),
  ImageCrop: (inputs) => {
    const wanted = { x: number(inputs, "x"), y: number(inputs, "y"), width: number(inputs, "width"), height: number(inputs, "height") };
    return madeImages(imagesInput(inputs, "image").map((of) => crop(of, wanted)));
  },
  ImageScale: (inputs) => {
    const scaling: Scaling = {
      width: number(inputs, "width"),
      height: number(inputs, "height"),
      center: text(inputs, "crop") === "center",
    };
    const images = scaledImages(imagesInput(inputs, "image"), scaling);
    for (const image of images) limited({ ...sizeOf(image), batch: images.length });
    return madeImages(images);
  },
  ImageBatch: (inputs) => {
    const first = imagesInput(inputs, "image1");
    const second = imagesInput(inputs, "image2");
    const [model] = first;
    return madeImages([...first, ...(model === undefined ? second : scaledImages(second, { ...sizeOf(model), center: true }))]);
  },
  BatchImagesNode: (inputs) => {
    const names = [...inputs.keys()].filter((name) => name.startsWith("images."));
    const [first = [], ...rest] = names.map((name) => imagesInput(inputs, name));
    const [model] = first;
    const others = model === undefined ? rest : rest.map((each) => scaledImages(each, { ...sizeOf(model), center: true }));
    return madeImages([first, ...others].flat());
  },
  ImageScaleToMaxDimension: (inputs) => {
    const images = imagesInput(inputs, "image");
    const [first] = images;
    const size = first === undefined ? { width: 1, height: 1 } : sizeOf(first);
    const factor = number(inputs, "largest_size") / Math.max(size.width, size.height);
    const [width, height] = [size.width, size.height].map((side) => Math.max(1, Math.round(side * factor)));
    return madeImages(scaledImages(images, { width: width ?? 1, height: height ?? 1, center: false }));
  },
  LoadImage: loadImage,
  SaveImage: (inputs, deps) => {
    const images = deps.save({ images: imagesInput(inputs, "images"), prefix: text(inputs, "filename_prefix"), type: "output" });
    return { values: [{ kind: "images", images: imagesInput(inputs, "images") }], ui: dict({ images }) };
  },
  // Names its files without the underscore behind the counter. What it writes here is always an 8-bit PNG.
  SaveImageAdvanced: (inputs, deps) => {
    if (text(inputs, "format") !== "png") throw new PyException("NotImplementedError", "the emulator writes PNG only");
    const images = imagesInput(inputs, "images");
    const saved = deps.save({ images, prefix: text(inputs, "filename_prefix"), type: "output", ending: "" });
    return { values: [{ kind: "images", images }], ui: dict({ images: saved }) };
  },
  PreviewImage: (inputs, deps) => {
    const images = deps.save({ images: imagesInput(inputs, "images"), prefix: `ComfyUI${deps.tempSuffix}`, type: "temp" });
    return { values: [], ui: dict({ images }) };
  },
  // Its images go over the WebSocket while it runs.
  SaveImageWebsocket: () => ({ values: [], ui: undefined }),
};

/** Runs one node. @throws {PyException} as the node would raise. */
export function runNode(classType: string, inputs: NodeInputs, deps: NodeDeps): NodeOutput {
  const run = NODE_FUNCTIONS[classType];
  if (run === undefined) throw new PyException("KeyError", `'${classType}'`);
  return run(inputs, deps);
}

/** Returns the number of progress steps that a node reports while it runs; 0 for none. */
export function stepsOf(classType: string, inputs: NodeInputs): number {
  return classType === "KSampler" ? number(inputs, "steps") : 0;
}

/** The images of an IMAGE input. @throws {PyException} */
export function imagesInput(inputs: NodeInputs, name: string): readonly Image[] {
  const value = inputs.get(name);
  if (!isNodeValue(value) || value.kind !== "images") throw wrongInput(name);
  return value.images;
}

export function isNodeValue(value: PyValue | NodeValue | undefined): value is NodeValue {
  return typeof value === "object" && value !== null && "kind" in value;
}

function sample(inputs: NodeInputs): NodeOutput {
  const latent = latentInput(inputs, "latent_image");
  const positive = otherInput(inputs, "positive");
  const links = [otherInput(inputs, "model").key, positive.key, otherInput(inputs, "negative").key, latent.key];
  const settings = ["seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"].map((name) => text(inputs, name));
  return made({ ...latent, key: digest(...links, ...settings), palette: positive.palette });
}

function loadImage(inputs: NodeInputs, deps: NodeDeps): NodeOutput {
  const name = text(inputs, "image");
  const bytes = deps.readImage(name);
  if (bytes === undefined) throw new PyException("FileNotFoundError", `[Errno 2] No such file or directory: '/ComfyUI/input/${name}'`);
  const content = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const { width, height } = limited({ ...declaredSize(bytes, name), batch: 1 });
  return made({ kind: "images", images: [{ op: "scene", width, height, palette: content, key: content }] }, other("mask", content));
}

/** A PNG's own size; 512×512 for the other formats that Pillow reads. @throws {PyException} for anything else. */
function declaredSize(bytes: Uint8Array, name: string): { readonly width: number; readonly height: number } {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = data.subarray(0, 12).toString("latin1");
  if (magic.startsWith("\u0089PNG") && data.length > 24) return { width: data.readUInt32BE(16), height: data.readUInt32BE(20) };
  if (/^(\u00ff\u00d8\u00ff|RIFF.{4}WEBP|GIF8|BM)/s.test(magic)) return { width: 512, height: 512 };
  throw new PyException("PIL.UnidentifiedImageError", `cannot identify image file '/ComfyUI/input/${name}'`);
}

function crop(of: Image, wanted: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): Image {
  const size = sizeOf(of);
  const x = Math.min(wanted.x, size.width - 1);
  const y = Math.min(wanted.y, size.height - 1);
  return { op: "crop", of, x, y, width: Math.min(wanted.width, size.width - x), height: Math.min(wanted.height, size.height - y) };
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly batch: number;
}

function limited(size: Size): Size {
  if (size.width * size.height * size.batch > PIXELS_MAX) throw outOfMemory();
  return size;
}

function other(...parts: readonly (string | number)[]): NodeValue {
  return { kind: "other", key: digest(...parts), palette: "" };
}

function made(...values: readonly NodeValue[]): NodeOutput {
  return { values, ui: undefined };
}

function madeImages(images: readonly Image[]): NodeOutput {
  return made({ kind: "images", images });
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function otherInput(inputs: NodeInputs, name: string): Extract<NodeValue, { kind: "other" }> {
  const value = inputs.get(name);
  if (!isNodeValue(value) || value.kind !== "other") throw wrongInput(name);
  return value;
}

function latentInput(inputs: NodeInputs, name: string): Extract<NodeValue, { kind: "latent" }> {
  const value = inputs.get(name);
  if (!isNodeValue(value) || value.kind !== "latent") throw wrongInput(name);
  return value;
}

/** A constant as text; validation has seen to its type. */
function text(inputs: NodeInputs, name: string): string {
  const value = inputs.get(name);
  return value === undefined || isNodeValue(value) ? "" : pyStr(value);
}

function number(inputs: NodeInputs, name: string): number {
  const value = inputs.get(name);
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : 0;
}

/** A constant where a link belongs passes ComfyUI's validation and fails here. */
function wrongInput(name: string): PyException {
  return new PyException("AttributeError", `the value of "${name}" has no attribute 'shape'`);
}
