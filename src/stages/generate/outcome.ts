import type { HistoryEntry, OutputImage } from "../../comfy/history-entry.ts";

/** What a history entry means for the job, before any policy. */
export type Outcome =
  | { readonly kind: "images"; readonly images: readonly OutputImage[] }
  | { readonly kind: "no-output" }
  | { readonly kind: "out-of-memory"; readonly detail: string }
  | { readonly kind: "error"; readonly detail: string }
  | { readonly kind: "interrupted" };

export interface OutcomeOptions {
  /** Ids of the bound output nodes: what other nodes saved is not ours. */
  readonly outputs: readonly string[];
  /** ComfyUI's image type: previews of a SaveImage run are `temp` and not wanted. */
  readonly type: "output" | "temp";
}

/** Reads a finished run. An error outweighs images: a run that failed half-way may have saved some. */
export function outcomeOf(entry: HistoryEntry, { outputs, type }: OutcomeOptions): Outcome {
  if (entry.status === "interrupted") return { kind: "interrupted" };
  if (entry.error !== null) {
    const { nodeId, classType, exceptionType, message } = entry.error;
    const detail = `node ${nodeId} (${classType}): ${exceptionType}: ${message}`;
    return { kind: entry.error.isOutOfMemory ? "out-of-memory" : "error", detail };
  }
  if (entry.status === "error") return { kind: "error", detail: "ComfyUI says error and names no exception" };
  const images = entry.outputs.filter((image) => outputs.includes(image.nodeId) && image.type === type);
  return images.length > 0 ? { kind: "images", images } : { kind: "no-output" };
}
