// Errors are classed by what the caller does with them, not by where they come from.
// Messages say: cannot do what, to what, why. `hint` says what to try; it is printed as "Try: …". No secret in either.

/** The exit codes. Source: docs/reference/commands.md, "Exit codes". */
export const EXIT = { done: 0, cannotGoOn: 1, usage: 2, incomplete: 3, bug: 70, interrupted: 130 } as const;

interface ErrorExtras {
  readonly hint?: string;
  readonly cause?: unknown;
}

abstract class PipelineError extends Error {
  /** One sentence that says what to try, without "Try:". */
  readonly hint: string | undefined;

  constructor(message: string, extras: ErrorExtras = {}) {
    super(message, { cause: extras.cause });
    this.hint = extras.hint;
  }
}

/** The user's input is wrong: nothing was changed, exit 2. */
export class ConfigError extends PipelineError {
  override readonly name = "ConfigError";
}

/**
 * The answer of the other side. `none`: nothing, or nothing whole. `busy`: that it cannot now. `refused`: something that waiting alone does
 * not change; said of one item while others are served, it is about that item.
 */
export type Answered = "none" | "busy" | "refused";

interface TransientExtras extends ErrorExtras {
  readonly retryAfterMs?: number;
  readonly answered?: Answered;
  readonly asksForCredentials?: boolean;
}

/** The same thing may work in a moment, here or elsewhere: back off and try again. */
export class TransientError extends PipelineError {
  override readonly name = "TransientError";
  /** The wait that the server asked for with Retry-After, ms. */
  readonly retryAfterMs: number | undefined;
  readonly answered: Answered;
  /** The answer may mean that credentials are missing. Refused for one item alone it means something else: a firewall, most likely. */
  readonly asksForCredentials: boolean;

  constructor(message: string, extras: TransientExtras = {}) {
    super(message, extras);
    this.retryAfterMs = extras.retryAfterMs;
    this.answered = extras.answered ?? "none";
    this.asksForCredentials = extras.asksForCredentials ?? false;
  }
}

/** Trying again cannot help this one item. It is set aside under `reason`; the rest goes on. */
export class RejectError extends PipelineError {
  override readonly name = "RejectError";
  readonly reason: RejectReason;

  constructor(reason: RejectReason, message: string, extras: ErrorExtras = {}) {
    super(message, extras);
    this.reason = reason;
  }
}

/** Nothing more can be done until a person acts: stop taking work, settle the rest, exit 1. */
export class FatalError extends PipelineError {
  override readonly name = "FatalError";
}

/** The run was interrupted (Ctrl-C, SIGTERM, --until): everything in flight is settled or handed back, exit 130. */
export class InterruptedError extends PipelineError {
  override readonly name = "InterruptedError";
}

/** Every reason under which a job fails or an image is rejected. Closed, so that counts by reason are complete. */
export const REJECT_REASONS = [
  // jobs
  "validation", // ComfyUI refused the workflow (node_errors)
  "variant-quarantined", // another job of the variant was refused by every server tried
  "oom", // out of memory on every server tried
  "execution-error", // a node raised an exception, `max_attempts` times
  "no-output", // the run succeeded without an image from the bound output node
  "lost-file", // /view answered 404 after every re-run
  "submit-refused", // the server refused this job alone: POST /prompt, or its history, was answered otherwise than ComfyUI answers
  "reference-changed", // a reference image is no longer the file that was planned
  "upload-refused", // servers did not take a reference image under its name
  // images
  "hostile-name", // a server's filename or subfolder that no path may come from
  "not-an-image", // HTML, JSON or garbage where an image was expected
  "truncated", // ended before its own structure said so, or shorter than announced
  "corrupt", // a checksum or the structure inside the image is wrong
  "wrong-prompt", // its embedded prompt names another job
  "too-large", // over `harvest.max_image_mb`
  "unsupported-format", // neither PNG, JPEG nor WebP
  "animated", // more than one frame
  "altered", // another format than its name says, or smaller than its graph asks for: something between server and store changed it
  // images made elsewhere, that cannot be adopted
  "no-prompt", // nothing in the image, or beside it, says from which graph it was made
  "prompt-unbound", // its graph has no text where `workflow.bind.prompt` says
  "bad-line", // a line of the JSONL that names no prompt or no image
  "unreadable", // its place gave no bytes
] as const;

export type RejectReason = (typeof REJECT_REASONS)[number];

/** True for the error that an AbortSignal raises, whoever raised it. */
export function isAbort(error: unknown): boolean {
  return error instanceof InterruptedError || (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError"));
}

/** The message of anything that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
