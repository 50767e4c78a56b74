import type { FaultPlan } from "../faults.ts";
import { answerText, type HttpExchange } from "./http-exchange.ts";

interface Asked {
  readonly faults: FaultPlan;
  readonly subject: string;
  /** Where "FAIL kind" is looked for. */
  readonly text?: string;
}

/** Answers as an overloaded server, or a proxy that limits, does; true if it did. */
export function answeredBusy(exchange: HttpExchange, { faults, subject, text }: Asked): boolean {
  const [status, words] = faults.strikes("http-503", subject, text)
    ? [503, "Service Unavailable"]
    : faults.strikes("http-429", subject, text)
      ? [429, "Too Many Requests"]
      : [0, ""];
  if (status > 0) answerText(exchange, status, `${status}: ${words}`, { "Retry-After": "1" });
  return status > 0;
}
