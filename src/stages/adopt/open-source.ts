import { comfyClient } from "../../comfy/client/client.ts";
import type { Context } from "../../context.ts";
import type { AdoptSource } from "./adopt-source.ts";
import { folderSource } from "./folder-source.ts";
import { historySource } from "./history-source.ts";
import { jsonlSource } from "./jsonl-source.ts";
import type { SourceKind } from "./source-kind.ts";

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
