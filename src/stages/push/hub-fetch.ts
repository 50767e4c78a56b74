import { TransientError } from "../../errors.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { networkReason } from "../../lib/network-reason.ts";

const TRIES = 6;
const BACKOFF = { firstMs: 500, maxMs: 20_000 };
/** Answers that another try may change. */
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface HubFetchNeeds {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called for each body of a file that was taken. */
  readonly onSent: (sizeBytes: number) => void;
}

/**
 * fetch() as the Hub's client takes it: what fails for a moment is tried again. All its bodies are texts and blobs, which can be sent twice;
 * a commit that is sent twice makes no second change.
 * @throws {TransientError} where the host cannot be reached several times over.
 */
export function hubFetch({ clock, signal, onSent }: HubFetchNeeds): typeof fetch {
  return async (input, init) => {
    for (let failedTries = 0; ; failedTries++) {
      signal.throwIfAborted();
      const isLast = failedTries + 1 >= TRIES;
      try {
        const response = await fetch(input, { ...init, signal: init?.signal == null ? signal : AbortSignal.any([signal, init.signal]) });
        if (isLast || !AGAIN.has(response.status)) {
          if (response.ok && init?.method === "PUT" && init.body instanceof Blob) onSent(init.body.size);
          return response;
        }
        await response.body?.cancel();
        const retryAfterMs = 1_000 * Number(response.headers.get("retry-after") ?? 0);
        await clock.sleep(backoffMs(failedTries, { ...BACKOFF, retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : 0 }), signal);
      } catch (error) {
        // What fetch() throws for a connection, and for nothing else of ours, is a TypeError with the cause.
        if (signal.aborted || init?.signal?.aborted === true || !(error instanceof TypeError)) throw error;
        if (isLast) throw new TransientError(`Cannot reach the Hub: ${networkReason(error.cause)}`, { cause: error });
        await clock.sleep(backoffMs(failedTries, BACKOFF), signal);
      }
    }
  };
}
