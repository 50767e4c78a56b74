import type { VerifyOptions } from "../verify.ts";
import { proveJob, type JobProof } from "../verify/names-job.ts";

export interface ProofTask extends JobProof {
  /** The server was told not to embed prompts. */
  readonly withoutMetadata: boolean;
}

export interface Proof {
  readonly accept: VerifyOptions["accept"];
  /** The picture is good, and says nothing of the job it is of. */
  readonly isUnproven: () => boolean;
}

/** A verifier's last word: is the picture the job's? */
export function proofOf(task: ProofTask): Proof {
  let proof: "proven" | "unproven" = "unproven";
  return {
    accept({ embeddedPrompt, format }) {
      proof = proveJob(embeddedPrompt, { ...task, mayLackPrompt: task.withoutMetadata || !format.carriesPrompt });
    },
    isUnproven: () => proof === "unproven",
  };
}
