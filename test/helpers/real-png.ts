import { readFileSync } from "node:fs";
import { join } from "node:path";

interface RecordedView {
  readonly response: { readonly body: { readonly $binary: { readonly base64: string } } };
}

const RECORDING = join(import.meta.dirname, "../fixtures/comfyui-0.3.64/http/view_png.json");

/** A PNG that a real ComfyUI 0.3.64 saved, text chunks and all. */
export function readRealPng(): Buffer {
  const { response } = JSON.parse(readFileSync(RECORDING, "utf8")) as RecordedView;
  return Buffer.from(response.body.$binary.base64, "base64");
}
