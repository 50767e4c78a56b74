import { encodePng } from "../../src/emulator/images/png.ts";

export interface ComfyPngOptions {
  /** Decides the pixels. */
  readonly shade: number;
  /** Keyword → text. */
  readonly chunks?: Readonly<Record<string, string>>;
  readonly sizePx?: number;
}

/** A small PNG with text chunks, as ComfyUI saves it. */
export function comfyPng({ shade, chunks = {}, sizePx = 32 }: ComfyPngOptions): Buffer {
  const rgb = Buffer.alloc(sizePx * sizePx * 3);
  for (let at = 0; at < rgb.length; at++) rgb[at] = (shade * 37 + Math.imul(at + shade, 2654435761) / 2 ** 24) & 0xff;
  return encodePng({ width: sizePx, height: sizePx, rgb }, Object.entries(chunks));
}

export interface GraphOptions {
  readonly prompt?: unknown;
  readonly seed?: unknown;
  readonly negative?: string;
  readonly cfg?: number;
  readonly model?: string;
  readonly prefix?: string;
}

/** The graph of configs/workflows/sd15.json with other values, as the API takes it. */
export function sd15Graph({
  prompt = "a cat",
  seed = 1,
  negative = "",
  cfg = 7,
  model = "sd15.safetensors",
  prefix = "ComfyUI",
}: GraphOptions = {}) {
  return {
    "1": { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: model } },
    "2": { class_type: "CLIPTextEncode", inputs: { text: prompt, clip: ["1", 1] }, _meta: { title: "Prompt" } },
    "3": { class_type: "CLIPTextEncode", inputs: { text: negative, clip: ["1", 1] }, _meta: { title: "Negative prompt" } },
    "4": { class_type: "KSampler", inputs: { seed, steps: 20, cfg, model: ["1", 0], positive: ["2", 0], negative: ["3", 0] } },
    "7": { class_type: "SaveImage", inputs: { filename_prefix: prefix, images: ["6", 0] } },
  };
}
