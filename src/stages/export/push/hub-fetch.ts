import { TransientError } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import { networkReason, retryAfter } from "../../../lib/http/failure.ts";
import { RETRIES, retry } from "../../../lib/retry.ts";

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
  return (input, init) => {
    const either = init?.signal == null ? signal : AbortSignal.any([signal, init.signal]);
    const ask = async (isLast: boolean): Promise<Response> => {
      signal.throwIfAborted();
      const response = await fetch(input, { ...init, signal: either }).catch((error: unknown) => {
        // What fetch() throws for a connection, and for nothing else of ours, is a TypeError with the cause.
        if (either.aborted || !(error instanceof TypeError)) throw error;
        throw new TransientError(`Cannot reach the Hub: ${networkReason(error.cause)}`, { cause: error });
      });
      if (!isLast && AGAIN.has(response.status)) {
        await response.body?.cancel();
        const retryAfterMs = retryAfter(response.headers.get("retry-after") ?? undefined);
        throw new TransientError(`The Hub answers ${response.status}`, retryAfterMs === undefined ? {} : { retryAfterMs });
      }
      if (response.ok && init?.method === "PUT" && init.body instanceof Blob) onSent(init.body.size);
      return response;
    };
    return retry(ask, { limits: RETRIES.hub, clock, signal });
  };
}
