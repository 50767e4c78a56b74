import type { SessionAnswer } from "../api.ts";

const CHANNEL = "comfy-dpo-joined";

type Who = Pick<SessionAnswer, "dataset" | "annotator">;

/**
 * Tells the browser's other tabs who is here, and hears from them. A browser has one cookie for a dataset: once another person's link is
 * opened in it, this page would vote under their name. `onOther` is called then. Answers what ends it.
 */
export function followWhoJoins({ dataset, annotator }: Who, onOther: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({ data }: MessageEvent<Who>) => {
    if (data.dataset === dataset && data.annotator !== annotator) onOther();
  });
  const who: Who = { dataset, annotator };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin, and takes none.
  channel.postMessage(who);
  return () => channel.close();
}
