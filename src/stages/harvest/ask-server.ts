import type { ComfyClient } from "../../comfy/client/client.ts";
import { TransientError } from "../../errors.ts";
import type { TransferOutcome } from "./transfer/transfer.ts";

/** How a transfer ended, and what its server says where that was its doing. */
export type HarvestOutcome =
  | Exclude<TransferOutcome, { readonly kind: "server-trouble" }>
  /** The server answers other questions, and refuses this image: it is about the image. */
  | { readonly kind: "refused"; readonly error: TransientError }
  /** `answersOthers`: it gives no images now, and answers other questions all the same. */
  | { readonly kind: "server-trouble"; readonly error: TransientError; readonly answersOthers: boolean };

/**
 * Finds out whether a server that failed at an image is in trouble, or only does not give this image.
 * @throws {FatalError} where the server asks for credentials, whatever it is asked.
 */
export async function askServer(
  outcome: TransferOutcome,
  { client, signal }: { readonly client: Pick<ComfyClient, "queue">; readonly signal: AbortSignal },
): Promise<HarvestOutcome> {
  if (outcome.kind !== "server-trouble") return outcome;
  const { error } = outcome;
  try {
    await client.queue(signal);
  } catch (trouble) {
    if (!(trouble instanceof TransientError)) throw trouble;
    return { kind: "server-trouble", error, answersOthers: false };
  }
  return error.answered === "refused" ? { kind: "refused", error } : { kind: "server-trouble", error, answersOthers: true };
}
