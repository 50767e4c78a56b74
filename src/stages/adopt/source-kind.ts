import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { serverAddress } from "../../comfy/connection/connection.ts";

const WHAT_IT_TAKES = "name a ComfyUI server's URL, a folder of ComfyUI images, or a .jsonl of {prompt, file or uri, model, seed}";

export type SourceKind =
  | { readonly kind: "server"; readonly url: string }
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "jsonl"; readonly path: string };

/**
 * What SOURCE is, before anything is opened for it. Paths become absolute.
 * @throws {ConfigError} for one that is none, or is not there.
 */
export async function sourceKind(written: string): Promise<SourceKind> {
  if (/^https?:\/\//i.test(written)) return { kind: "server", url: serverAddress(written) };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(written)) {
    throw new ConfigError("Cannot adopt this source: its address is neither http:// nor https://", {
      hint: "a .jsonl file can name images under file:, http(s): and s3:",
    });
  }
  const path = resolve(written);
  const found = await stat(path).catch((error: unknown) => {
    throw new ConfigError(`Cannot adopt ${written}: ${fileProblem(error)}`, { hint: WHAT_IT_TAKES, cause: error });
  });
  if (found.isDirectory()) return { kind: "folder", path };
  if (/\.(?:jsonl|ndjson)(?:\.gz)?$/i.test(path)) return { kind: "jsonl", path };
  throw new ConfigError(`Cannot adopt ${written}: it is neither a folder nor a .jsonl`, { hint: WHAT_IT_TAKES });
}
