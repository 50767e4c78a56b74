import type { ComfyClient } from "../../comfy/client/client.ts";
import { RejectError } from "../../errors.ts";
import { checkSourceName } from "../harvest/check-source-name.ts";
import { type AdoptItem, type AdoptSource, quotedName } from "./adopt-source.ts";
import type { HistoryEntry, OutputImage } from "../../comfy/client/history-entry.ts";
import { saverKindOf } from "../../comfy/graph/savers.ts";
import { isJsonObject } from "../../lib/exact-json.ts";

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
          claim: { precedence: "1-history", graph: prompt, line: null, promptId, nodeId, batchIndex: index },
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

/** The images of a run that its saving nodes left: no previews, no films. Of a node that the graph does not have, the images, too. */
function savedImages({ prompt, outputs }: Pick<HistoryEntry, "prompt" | "outputs">): readonly OutputImage[] {
  return outputs.filter(({ nodeId, type }) => {
    if (type === "temp" || type === "input") return false;
    const node = Object.hasOwn(prompt, nodeId) ? prompt[nodeId] : undefined;
    if (!isJsonObject(node)) return true;
    const { class_type: classType, inputs } = node;
    if (typeof classType !== "string") return true;
    const kind = saverKindOf({ class_type: classType, inputs: isJsonObject(inputs) ? inputs : {} });
    return kind === undefined || kind === "image";
  });
}
