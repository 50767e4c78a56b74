export interface Deadline extends Disposable {
  /** Fires with the other signal, or after the time, until it is disposed of. */
  readonly signal: AbortSignal;
  /** The time was over first. */
  isOver(): boolean;
}

/**
 * A signal for one task. AbortSignal.timeout() and AbortSignal.any() hold memory until their time is over, whenever the task ended: at a
 * thousand tasks a second that is hundreds of megabytes.
 */
export function deadlineAfter(ms: number, stop?: AbortSignal): Deadline {
  const controller = new AbortController();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    controller.abort(new DOMException("The time is over", "TimeoutError"));
  }, ms);
  timer.unref();
  const onStop = (): void => controller.abort(stop?.reason);
  if (stop?.aborted === true) onStop();
  else stop?.addEventListener("abort", onStop, { once: true });
  return {
    signal: controller.signal,
    isOver: () => isOver,
    [Symbol.dispose]() {
      clearTimeout(timer);
      stop?.removeEventListener("abort", onStop);
    },
  };
}
