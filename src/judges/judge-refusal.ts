import { STATUS_CODES } from "node:http";
import { FatalError, TransientError } from "../errors.ts";
import { serverWords } from "../lib/http/failure.ts";
import type { JudgeAnswer } from "./judge-server.ts";

/** Statuses under 500 that pass: Request Timeout, Too Early, Too Many Requests. Source: RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** What could not be done, in words, and for whom. */
export interface Refused {
  /** `score 4 images with pickscore at http://host/score`. */
  readonly what: string;
  /** Of the configuration. */
  readonly judge: string;
}

/** What an answer means that is no success: FatalError where asking again cannot help, else TransientError. */
export function judgeRefusal({ what, judge }: Refused, answer: JudgeAnswer): FatalError | TransientError {
  const { status, text, retryAfterMs } = answer;
  const words = serverWords(text);
  const message = `Cannot ${what}: ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd() + (words === "" ? "" : `: ${words}`);
  if (status === 401 || status === 403 || status === 407) {
    return new FatalError(message, {
      hint: `the server asks for credentials: set the headers of the judge ${judge} in annotate.judges, with the secret as \${NAME} from the environment`,
    });
  }
  if (status >= 300 && status < 400) {
    return new FatalError(`Cannot ${what}: ${status}, it redirects to ${answer.location ?? "nowhere"}; redirects are not followed`, {
      hint: `put the final address into url of the judge ${judge}`,
    });
  }
  if (status >= 400 && status < 500 && !PASSING.has(status)) {
    return new FatalError(message, {
      hint: `check url and settings of the judge ${judge} in annotate.judges; docs/judges.md says what is sent`,
    });
  }
  return new TransientError(message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
