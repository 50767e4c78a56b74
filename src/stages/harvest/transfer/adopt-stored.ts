import { pipeline } from "node:stream/promises";
import { RejectError } from "../../../errors.ts";
import { storedProblem } from "../../upkeep/stored-problem.ts";
import { moveStream, verifierFor } from "./move-stream.ts";
import { storeTrouble, type Attempt, type TransferNeeds, type TransferPlan, type TransferTask } from "./outcome.ts";

interface Stored {
  readonly task: TransferTask;
  readonly needs: TransferNeeds;
  readonly strip: TransferPlan["strip"];
}

/** Adopts the object that the store has under an image's key. Returns null if it is no whole image, or another job's. */
export function adoptStored(key: string, { task, needs, strip }: Stored): Promise<Attempt | null> {
  return strip === "no" ? adoptWhole(key, task, needs) : adoptStripped(key, { task, needs, strip });
}

async function adoptWhole(key: string, task: TransferTask, { store, signal }: TransferNeeds): Promise<Attempt | null> {
  const { verifier, isUnproven } = verifierFor(task, null);
  try {
    const body = await store.get(key, signal);
    if (body === null) return null;
    await pipeline(body, verifier.stream.resume(), { signal });
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof RejectError ? null : storeTrouble(error);
  }
  return { kind: "stored", key, facts: verifier.facts(), sourceBytes: null, unproven: isUnproven(), adopted: true };
}

/**
 * A stripped image no longer names its job. So the server's image is read again, and the stored one adopted if it is that one, stripped.
 */
async function adoptStripped(key: string, { task, needs, strip }: Stored): Promise<Attempt | null> {
  const seen = await moveStream(task, needs, { write: "none", strip });
  if (seen.kind !== "stored") return seen;
  const { sha256, sizeBytes: bytes } = seen.facts;
  try {
    return (await storedProblem({ key, sha256, bytes }, needs)) === null ? { ...seen, adopted: true } : null;
  } catch (error) {
    needs.signal.throwIfAborted();
    return storeTrouble(error);
  }
}
