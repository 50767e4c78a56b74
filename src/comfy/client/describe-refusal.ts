import { counted } from "../../lib/words.ts";
import type { NodeError } from "./submit.ts";

/** Complaints shown. A graph of a thousand nodes may have as many: megabytes on a terminal and in each failed job's row. */
const SHOWN_MAX = 5;
/** Of one complaint, characters. */
const COMPLAINT_CHARS = 500;

/** Returns ComfyUI's own words, with the nodes and inputs they are about: the first five, and how many more there are. */
export function describeRefusal({ message, nodeErrors }: { readonly message: string; readonly nodeErrors: readonly NodeError[] }): string {
  const complaints = nodeErrors.flatMap(({ nodeId, classType, errors }) => errors.map((error) => ({ nodeId, classType, error })));
  if (complaints.length === 0) return message;
  const shown = complaints.slice(0, SHOWN_MAX).map(({ nodeId, classType, error }) => {
    const words = `node ${nodeId} (${classType}): ${error.message}${error.details === "" ? "" : `: ${error.details}`}`;
    return words.length > COMPLAINT_CHARS ? `${words.slice(0, COMPLAINT_CHARS)}…` : words;
  });
  const left = complaints.length - shown.length;
  return left === 0 ? shown.join("; ") : `${shown.join("; ")}; and ${counted(left, "more complaint")}`;
}
