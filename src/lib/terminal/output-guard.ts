import { errnoOf } from "../files/file-problem.ts";

/** 128 + SIGPIPE, as a shell says it of tools that a closed pipe ended. */
const CLOSED_PIPE_EXIT = 141;
const LOST_OUTPUT_EXIT = 1;

/** The part of `process` that the guard needs. */
interface OutputHost {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  exitCode?: number | string | null | undefined;
}

export interface OutputGuard {
  /** The exit code of a command that ended with `exit`: what became of its output decides first. */
  exitOf(exit: number): number;
  /** Called once when results cannot be written any more, `isClosed` where their reader went away, which is no error. */
  onLost(listener: (lost: LostOutput) => void): void;
}

interface LostOutput {
  readonly error: Error;
  readonly isClosed: boolean;
}

/**
 * Keeps the process alive when nobody reads its output any more: without a listener Node throws a stream's error where nobody can
 * catch it. Messages on stderr are for whoever is there, and a run goes on without them; results on stdout are what a command is for.
 */
export function guardOutput(host: OutputHost): OutputGuard {
  let lost: LostOutput | null = null;
  const listeners: ((lost: LostOutput) => void)[] = [];
  const exitOf = (exit: number): number => (lost === null ? exit : lost.isClosed ? CLOSED_PIPE_EXIT : LOST_OUTPUT_EXIT);

  host.stderr.on("error", () => undefined);
  host.stdout.on("error", (error: Error) => {
    if (lost !== null) return; // Each further write fails alike.
    lost = { error, isClosed: errnoOf(error) === "EPIPE" };
    host.exitCode = exitOf(LOST_OUTPUT_EXIT); // The command may have ended: errors come a moment after the write.
    for (const listener of listeners) listener(lost);
  });
  return { exitOf, onLost: (listener) => void listeners.push(listener) };
}
