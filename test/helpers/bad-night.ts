import { systemClock, type Clock } from "../../src/lib/clock.ts";

/** A clock on which time passes 20 times as fast: back-offs of seconds take a moment. */
const startMs = Date.now();
export const hastyClock: Clock = {
  nowMs: () => startMs + (Date.now() - startMs) * 20,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
};

/** A fifth of the files, each spoiled once in one of seven ways. */
export const FIFTH_BAD = "view-404:0.03,view-cut:0.04,view-short:0.03,view-flip:0.03,view-html:0.03,view-swap:0.03,http-503:0.01";

/** Sockets of this process that are open. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.startsWith("TCP")).length;
}
