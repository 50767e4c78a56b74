import type { SessionAnswer } from "../api.ts";

/**
 * True once this tab alone has a name; it holds it as long as it is open. Two tabs of one person would show the same tasks twice.
 * `onWait` is called where another tab has it. Browsers without locks (the page on plain http from another host) answer at once.
 */
export async function waitForOnlyTab(name: string, onWait: () => void): Promise<void> {
  if (!("locks" in navigator)) return;
  const { locks } = navigator;
  const isMine = await new Promise<boolean>((resolve) => {
    void locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : untilClosed();
    });
  });
  if (isMine) return;
  onWait();
  await new Promise<void>((resolve) => {
    void locks.request(name, () => {
      resolve();
      return untilClosed();
    });
  });
}

/** A lock is held until the promise of its holder settles, or its tab is closed. */
function untilClosed(): Promise<never> {
  return new Promise(() => undefined);
}

const CHANNEL = "comfy-dpo-joined";

type Who = Pick<SessionAnswer, "dataset" | "annotator">;

/**
 * Tells the browser's other tabs who is here, and hears from them. A browser has one cookie for a dataset: once another person's link is
 * opened in it, this page would vote under their name. `onOther` is called then. Answers what ends it.
 */
export function watchForOtherPerson({ dataset, annotator }: Who, onOther: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({ data }: MessageEvent<Who>) => {
    if (data.dataset === dataset && data.annotator !== annotator) onOther();
  });
  const who: Who = { dataset, annotator };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin, and takes none.
  channel.postMessage(who);
  return () => channel.close();
}
