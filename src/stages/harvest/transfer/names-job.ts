import { RejectError } from "../../../errors.ts";
import { isJsonObject } from "../../../lib/exact-json.ts";
import { tryParsePython } from "../../../lib/python-json.ts";

/** What an image must say of itself to be the one asked for. */
export interface JobProof {
  readonly outputNodeId: string;
  /** `<dataset>/<shard>/<job>`; sent for preview nodes, too, which ignore but embed it. */
  readonly filenamePrefix: string;
}

/**
 * True if the graph embedded in an image saved under the job's prefix. Only that is compared: ComfyUI converts other inputs
 * (64.9 → 64), so that comparing whole graphs would refuse good images.
 */
export function namesJob(embeddedPrompt: string, { outputNodeId, filenamePrefix }: JobProof): boolean {
  const graph = tryParsePython(embeddedPrompt);
  const node = isJsonObject(graph) && Object.hasOwn(graph, outputNodeId) ? graph[outputNodeId] : undefined;
  const inputs = isJsonObject(node) ? node["inputs"] : undefined;
  return isJsonObject(inputs) && inputs["filename_prefix"] === filenamePrefix;
}

export interface PromptRule extends JobProof {
  /** The format has no place for a prompt, the node that saved it need not embed one, or its server was told not to. */
  readonly mayLackPrompt: boolean;
}

/**
 * Says whether an image proves that it is the job's.
 * @throws {RejectError} "wrong-prompt" if it names another, or says nothing where it should.
 */
export function proveJob(embeddedPrompt: string | null, rule: PromptRule): "proven" | "unproven" {
  if (embeddedPrompt === null) {
    if (rule.mayLackPrompt) return "unproven";
    throw new RejectError("wrong-prompt", "The image embeds no prompt, though the node that saved it embeds one in all it saves");
  }
  if (namesJob(embeddedPrompt, rule)) return "proven";
  throw new RejectError("wrong-prompt", `The image's embedded prompt does not save under ${rule.filenamePrefix}: it is another job's`);
}
