import { InterruptedError } from "../errors.ts";
import type { Log } from "./log.ts";

export interface Signals extends Disposable {
  /** First Ctrl-C or SIGTERM: stop taking work, settle what is in flight. */
  readonly stopping: AbortSignal;
  /** Second one: leave now. */
  readonly signal: AbortSignal;
  dispose(): void;
}

/** Turns SIGINT and SIGTERM into two abort signals. */
export function onSignals(from: NodeJS.Process, log: Pick<Log, "info">): Signals {
  const stopping = new AbortController();
  const leaving = new AbortController();
  const onSignal = (): void => {
    if (stopping.signal.aborted) return leaving.abort(new InterruptedError("Interrupted twice"));
    log.info("Stopping: settling what is in flight. Ctrl-C again stops at once; nothing is lost either way, the same command continues");
    stopping.abort(new InterruptedError("Interrupted"));
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) from.on(name, onSignal);
  const dispose = (): void => {
    for (const name of names) from.off(name, onSignal);
  };
  return { stopping: stopping.signal, signal: leaving.signal, dispose, [Symbol.dispose]: dispose };
}
