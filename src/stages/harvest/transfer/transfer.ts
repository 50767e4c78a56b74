import { adoptStored } from "./adopt-stored.ts";
import { moveHeld } from "./move-held.ts";
import { moveStream } from "./move-stream.ts";
import type { Attempt, TransferNeeds, TransferOutcome, TransferPlan, TransferTask } from "./outcome.ts";

/** Moves one image from a server to the store, verified on the way. No temporary file is written. */
export async function transfer(task: TransferTask, needs: TransferNeeds): Promise<TransferOutcome> {
  const ended = await transferWith(task.metadata === "keep" ? "no" : "on-the-way", task, needs);
  return endOf(ended.kind === "late-metadata" ? await transferWith("in-memory", task, needs) : ended);
}

async function transferWith(strip: TransferPlan["strip"], task: TransferTask, needs: TransferNeeds): Promise<Attempt> {
  const created = await move(task, needs, { write: "create", strip });
  if (created.kind !== "exists") return created;
  const adopted = await adoptStored(created.key, { task, needs, strip });
  return adopted ?? move(task, needs, { write: "overwrite", strip });
}

async function move(task: TransferTask, needs: TransferNeeds, plan: TransferPlan): Promise<Attempt> {
  const held = plan.strip === "no" ? await moveHeld(task, needs, plan.write) : null;
  return held ?? moveStream(task, needs, plan);
}

function endOf(attempt: Attempt): TransferOutcome {
  if (attempt.kind === "exists" || attempt.kind === "late-metadata") throw new Error(`a transfer cannot end as ${attempt.kind}`);
  return attempt;
}
