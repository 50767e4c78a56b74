import type { SessionAnswer } from "../api.ts";

/**
 * Resolves once this tab alone holds a lock of this name, and holds it until the tab closes. Two tabs of one person would show the same
 * tasks twice. `onWait` is called if another tab holds it. A browser without locks (the page over plain HTTP from another host) does not
 * wait.
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

/** A lock is held until its holder's promise settles or its tab closes. */
function untilClosed(): Promise<never> {
  return new Promise(() => undefined);
}

const CHANNEL = "comfy-dpo-joined";

type Who = Pick<SessionAnswer, "dataset" | "annotator">;

/**
 * Announces to the browser's other tabs who uses this one, and listens to them. A browser has one cookie for a dataset: once another
 * person's link is opened in it, this page would vote under their name. `onOther` is called then. Returns a function that ends it.
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
