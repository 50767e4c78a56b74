import { comfyClient } from "../../comfy/client/client.ts";
import type { Context } from "../../context.ts";
import type { AdoptSource } from "./adopt-source.ts";
import { folderSource } from "./folder-source.ts";
import { historySource } from "./history-source.ts";
import { jsonlSource } from "./jsonl-source.ts";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { serverAddress } from "../../comfy/connection/connection.ts";

/** Opens a source of each kind. A server of the configuration is asked with its headers; any other without. */
export function openSource(source: SourceKind, { config, comfy }: Pick<Context, "config" | "comfy">): AdoptSource {
  const { concurrency } = config.harvest;
  if (source.kind === "folder") return folderSource(source.path);
  if (source.kind === "jsonl") {
    const { endpoint, region, path_style: pathStyle } = config.store;
    return jsonlSource(source.path, { endpoint, region, pathStyle, concurrency });
  }
  const configured = comfy.get(source.url);
  if (configured !== undefined) return historySource({ client: configured, close: () => Promise.resolve() });
  // One more socket for the history itself, which is read while the images are.
  const client = comfyClient({ url: source.url, headers: {}, connections: concurrency + 1 });
  return historySource({ client, close: () => client.close() });
}

const WHAT_IT_TAKES = "name a ComfyUI server's URL, a folder of ComfyUI images, or a .jsonl of {prompt, file or uri, model, seed}";

type SourceKind =
  | { readonly kind: "server"; readonly url: string }
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "jsonl"; readonly path: string };

/**
 * Tells what SOURCE is, before anything is opened. Paths become absolute.
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
