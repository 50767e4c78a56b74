import type { ComfyClient } from "../../comfy/client/client.ts";
import { RejectError } from "../../errors.ts";
import { checkSourceName } from "../harvest/check-source-name.ts";
import type { AdoptItem, AdoptSource } from "./adopt-source.ts";
import { quotedName } from "./quoted-name.ts";
import { savedImages } from "./saved-images.ts";

export interface HistoryOptions {
  readonly client: Pick<ComfyClient, "url" | "historyAll" | "view">;
  /** Gives the client back. */
  readonly close: () => Promise<void>;
}

/** Every image in a ComfyUI server's history. Nothing is deleted there. */
export function historySource({ client, close }: HistoryOptions): AdoptSource {
  const { url } = client;

  async function* items(signal: AbortSignal): AsyncGenerator<AdoptItem> {
    for await (const entry of client.historyAll(signal)) {
      const { promptId, prompt } = entry;
      for (const { nodeId, index, filename, subfolder, type } of savedImages(entry)) {
        const identity = { history: url, prompt_id: promptId, node: nodeId, index };
        const name = `${url} ${quotedName(subfolder === "" ? filename : `${subfolder}/${filename}`)}`;
        const item = { identity, state: [filename, subfolder, type], name };
        const place = { filename, subfolder, type };
        const problem = hostileName(place);
        if (problem !== null) {
          yield { kind: "refused", ...item, name: `${url} run ${quotedName(promptId)}`, ...problem };
          continue;
        }
        yield {
          kind: "image",
          ...item,
          origin: { server: url, ...place },
          claim: { precedence: "1-history", graph: prompt, said: null, promptId, nodeId, batchIndex: index },
          isRemote: true,
          async open(openSignal) {
            const view = await client.view(place, openSignal);
            if (view.kind === "missing") throw new RejectError("lost-file", `${url} no longer has ${quotedName(filename)}`);
            return { body: view.body, sizeBytes: view.sizeBytes };
          },
        };
      }
    }
  }

  return { name: url, isOneServer: true, items, [Symbol.asyncDispose]: close };
}

function hostileName(place: Parameters<typeof checkSourceName>[0]) {
  try {
    checkSourceName(place);
    return null;
  } catch (error) {
    if (error instanceof RejectError) return { reason: error.reason, detail: error.message };
    throw error;
  }
}
