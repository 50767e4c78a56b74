import type { NodeError } from "./submit.ts";

/** ComfyUI's own words, with the nodes and inputs they are about. */
export function describeRefusal({ message, nodeErrors }: { readonly message: string; readonly nodeErrors: readonly NodeError[] }): string {
  const details = nodeErrors.flatMap(({ nodeId, classType, errors }) =>
    errors.map((error) => `node ${nodeId} (${classType}): ${error.message}${error.details === "" ? "" : `: ${error.details}`}`),
  );
  return details.length > 0 ? details.join("; ") : message;
}
