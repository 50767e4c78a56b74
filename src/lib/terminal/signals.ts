import { isatty } from "node:tty";
import { InterruptedError } from "../../errors.ts";
import type { Log } from "../log.ts";
import { processKeyHost, takeTerminalKeys } from "./terminal-keys.ts";

const STDIN_FD = 0;

export interface Signals extends Disposable {
  /** First Ctrl-C or SIGTERM, or SIGHUP: stop taking work, settle what is in flight. */
  readonly stopping: AbortSignal;
  /** Second Ctrl-C or SIGTERM: leave now. */
  readonly signal: AbortSignal;
  /** Stops as the first signal does, without a word. */
  readonly stop: () => void;
  dispose(): void;
}

export interface SignalOptions {
  /** The command reads the keyboard itself. */
  readonly asks: boolean;
  /** What to say at the first one. */
  readonly message: string;
}

/** Turns SIGINT, SIGTERM, SIGHUP and Ctrl-C into two abort signals. */
export function onSignals(from: NodeJS.Process, log: Pick<Log, "info">, { asks, message }: SignalOptions): Signals {
  const stopping = new AbortController();
  const leaving = new AbortController();
  const stop = (): void => stopping.abort(new InterruptedError("Interrupted"));
  const onSignal = (): void => {
    if (stopping.signal.aborted) return leaving.abort(new InterruptedError("Interrupted twice"));
    log.info(message);
    stop();
  };
  // A terminal that is closed sends it twice, from the shell and from the kernel: the second says nothing new.
  const onHangUp = (): void => {
    if (!stopping.signal.aborted) onSignal();
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) from.on(name, onSignal);
  from.on("SIGHUP", onHangUp);
  const giveBackKeys = asks || !isatty(STDIN_FD) ? () => undefined : takeTerminalKeys(processKeyHost(from), onSignal);
  const dispose = (): void => {
    giveBackKeys();
    for (const name of names) from.off(name, onSignal);
    from.off("SIGHUP", onHangUp);
  };
  return { stopping: stopping.signal, signal: leaving.signal, stop, dispose, [Symbol.dispose]: dispose };
}
