import type { HistoryEntry, OutputImage } from "../../comfy/client/history-entry.ts";
import { saverKindOf } from "../../comfy/graph/savers.ts";
import { isJsonObject } from "../../lib/exact-json.ts";

/** The images of a run that its saving nodes left: no previews, no films. Of a node that the graph does not have, the images, too. */
export function savedImages({ prompt, outputs }: Pick<HistoryEntry, "prompt" | "outputs">): readonly OutputImage[] {
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
