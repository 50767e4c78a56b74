import { TransientError } from "../../../errors.ts";
import type { ServerParts } from "./server-parts.ts";

/** Between two looks at a queue that shall become empty, ms. */
const EMPTY_QUEUE_POLL_MS = 250;

/**
 * Makes the server run every node again: its cache names a file that is gone. /free takes effect between prompts, so the queue has to
 * be empty, which is waited for no longer than the stall timeout (other people's jobs may keep it full). A server, or a proxy before it,
 * that has no /free is sent the job all the same: if its cache names the lost file again, that counts.
 */
export async function forgetNodeCache({ url, contact, run }: Pick<ServerParts, "url" | "contact" | "run">): Promise<void> {
  const client = contact.client();
  const deadlineMs = run.clock.nowMs() + run.config.generate.stall_timeout_s * 1_000;
  const isEmpty = async (): Promise<boolean> => {
    const { running, pending } = await client.queue(run.signal);
    return running.length + pending.length === 0;
  };
  while (!(await isEmpty()) && run.clock.nowMs() < deadlineMs) await run.clock.sleep(EMPTY_QUEUE_POLL_MS, run.signal);
  try {
    await client.free({ unloadModels: false, freeMemory: true }, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError) || error.answered !== "refused") throw error;
    run.log.info(`${url} cannot be told to forget its cache, so that it may name a lost file again: ${error.message}`);
    return;
  }
  // The flag is read by the worker thread between prompts: one more look gives it the time.
  await run.clock.sleep(EMPTY_QUEUE_POLL_MS, run.signal);
}
