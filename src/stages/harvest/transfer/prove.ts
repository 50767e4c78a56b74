import type { AskedSize } from "../../../comfy/graph/asked-size.ts";
import { altered } from "../../../images/formats/format.ts";
import { proveJob, type JobProof } from "./names-job.ts";
import type { ImageFacts, VerifyOptions } from "../../../images/verify.ts";

export interface ProofTask extends JobProof {
  /** The node that saves it embeds the prompt in each PNG, and its server was not told to leave it out. */
  readonly embedsPrompt: boolean;
  /** Null where the graph does not tell. */
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
