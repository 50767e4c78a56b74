import type { AskedSize } from "../../../comfy/graph/asked-size.ts";
import { altered } from "../../../images/formats/format.ts";
import type { ImageFacts, VerifyOptions } from "../../../images/verify.ts";
import { RejectError } from "../../../errors.ts";
import { isJsonObject } from "../../../lib/exact-json.ts";
import { tryParsePython } from "../../../lib/python-json.ts";

export interface ProofTask extends JobProof {
  /** The node that saves it embeds the prompt in each PNG, and its server was not told to leave it out. */
  readonly embedsPrompt: boolean;
  /** Null if the graph does not tell. */
  readonly askedSize: AskedSize | null;
}

export interface Proof {
  readonly accept: VerifyOptions["accept"];
  /** The image is good, and says nothing of the job it is of. */
  readonly isUnproven: () => boolean;
}

/** A verifier's last word: is the image the job's, and as its graph asked for it? */
export function proofOf(task: ProofTask): Proof {
  let proof: "proven" | "unproven" = "unproven";
  return {
    accept(facts) {
      proof = proveJob(facts.embeddedPrompt, { ...task, mayLackPrompt: !task.embedsPrompt || !facts.format.carriesPrompt });
      if (task.askedSize !== null) checkSize(facts, task.askedSize);
    },
    isUnproven: () => proof === "unproven",
  };
}

function checkSize({ widthPx, heightPx }: ImageFacts, asked: AskedSize): void {
  const isAsAsked = asked.isExact
    ? widthPx === asked.widthPx && heightPx === asked.heightPx
    : widthPx >= asked.widthPx && heightPx >= asked.heightPx;
  if (isAsAsked) return;
  const wanted = `${asked.isExact ? "" : "at least "}${asked.widthPx}×${asked.heightPx}`;
  throw altered(`it is ${widthPx}×${heightPx}, and its graph asks for ${wanted}`);
}

/** Facts that an image must carry to be the one asked for. */
interface JobProof {
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

interface PromptRule extends JobProof {
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
