import type { HistoryEntry, OutputImage } from "../../comfy/client/history-entry.ts";

/** The meaning of a history entry for its job, before any policy. */
export type Outcome =
  | { readonly kind: "images"; readonly images: readonly OutputImage[] }
  | { readonly kind: "no-output" }
  | { readonly kind: "out-of-memory"; readonly detail: string }
  | { readonly kind: "error"; readonly detail: string }
  | { readonly kind: "interrupted" };

/**
 * Reads a finished run. An error outweighs images: a run that failed half-way may have saved some. `outputs` are the ids of the bound
 * output nodes: what other nodes saved is not ours. Where such a node gives files of type `output`, its previews (`temp`) are not wanted;
 * `temp` alone is what generate.save_as: temp asked for, perhaps before the configuration changed.
 */
export function outcomeOf(entry: HistoryEntry, { outputs }: { readonly outputs: readonly string[] }): Outcome {
  if (entry.status === "interrupted") return { kind: "interrupted" };
  if (entry.error !== null) {
    const { nodeId, classType, exceptionType, message } = entry.error;
    const detail = `node ${nodeId} (${classType}): ${exceptionType}: ${message}`;
    return { kind: entry.error.isOutOfMemory ? "out-of-memory" : "error", detail };
  }
  if (entry.status === "error") return { kind: "error", detail: "ComfyUI says error and names no exception" };
  const ours = entry.outputs.filter((image) => outputs.includes(image.nodeId));
  const type = ours.some((image) => image.type === "output") ? "output" : "temp";
  const images = ours.filter((image) => image.type === type);
  return images.length > 0 ? { kind: "images", images } : { kind: "no-output" };
}
