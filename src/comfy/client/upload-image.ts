import { FormData } from "undici";
import { RejectError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import type { Call } from "../connection/connection.ts";
import type { OutputImage } from "./history-entry.ts";
import type { Http } from "../connection/http.ts";
import { tryParsePython } from "../../lib/python-json.ts";

export interface Upload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly filename: string;
  readonly subfolder: string;
  readonly overwrite: boolean;
  readonly type: "input" | "temp" | "output";
}

/** The place of an upload. Another name than asked for means that the asked one was taken by other content. */
export type Uploaded = Pick<OutputImage, "subfolder" | "type"> & { readonly name: string };

/** 400: no file in it, or a place outside of the folder. 413: over --max-upload-size. 500: ComfyUI could not write it. Again is no help. */
const REFUSED_STATUSES: readonly number[] = [400, 413, 500];

/**
 * POST /upload/image.
 * @throws {RejectError} "upload-refused" where the server does not take this file.
 */
export async function uploadImage(
  http: Http,
  { bytes, filename, subfolder, overwrite, type }: Upload,
  signal: AbortSignal,
): Promise<Uploaded> {
  const form = new FormData();
  form.set("image", new Blob([bytes]), filename);
  form.set("subfolder", subfolder);
  form.set("type", type);
  form.set("overwrite", String(overwrite));
  const call: Call = { method: "POST", path: "/upload/image", form, signal, isAboutOne: true };
  const { statusCode: status, headers, body } = await http.send(call, REFUSED_STATUSES);
  const text = await http.textOf(call, body);
  if (status !== 200) {
    const hint = status === 413 ? { hint: "start ComfyUI with --max-upload-size 100, and let proxies take as much" } : {};
    throw new RejectError("upload-refused", http.refusal(call, { status, headers, text }).message, hint);
  }
  const answer = tryParsePython(text);
  if (!isJsonObject(answer) || typeof answer["name"] !== "string") throw http.foreign(call, text);
  const { name, subfolder: folder, type: kind } = answer;
  return { name, subfolder: typeof folder === "string" ? folder : "", type: typeof kind === "string" ? kind : "input" };
}
