import type { Context } from "../../../context.ts";
import { isDatabaseTrouble } from "../../../db/is-database-trouble.ts";
import { isAbort, messageOf } from "../../../errors.ts";
import type { ComparisonFeed } from "./comparison-feed.ts";

/** The page does not open before there is something on it, but waits no longer than this, ms. */
const FIRST_LOOK_MS = 500;
/** New images are looked for so often, ms; where looking takes long, so many times as long: 5 % of a core at most. */
const LOOK_EVERY_MS = 30_000;
const LOOK_TIMES = 20;

export interface FollowedFeed {
  /** Returns at the first Ctrl-C; throws what ended the feed. */
  untilStopped(): Promise<void>;
  close(): Promise<void>;
}

/** Looks for new images again and again, beside whatever makes them. Resolves once the page may open. */
export async function followFeed(
  feed: ComparisonFeed,
  { clock, log, stopping }: Pick<Context, "clock" | "log" | "stopping">,
): Promise<FollowedFeed> {
  const closing = new AbortController();
  const ending = AbortSignal.any([stopping, closing.signal]);

  async function lookOnce(): Promise<void> {
    try {
      await feed.look(ending);
    } catch (error) {
      if (!isDatabaseTrouble(error)) throw error;
      log.warn(`Cannot look for new images now: ${messageOf(error)}. Trying again`); // The disk may have room again by then.
    }
  }

  async function follow(): Promise<void> {
    while (!ending.aborted) {
      const startMs = clock.nowMs();
      await lookOnce();
      await clock.sleep(Math.max(LOOK_EVERY_MS, (clock.nowMs() - startMs) * LOOK_TIMES), ending);
    }
  }

  const following = follow().catch((error: unknown) => {
    if (!ending.aborted || !isAbort(error)) throw error;
  });
  const soon = new AbortController();
  // A look that fails ends the command once it is asked how it stands.
  await Promise.race([feed.look(ending).catch(() => undefined), clock.sleep(FIRST_LOOK_MS, soon.signal)]);
  soon.abort();
  return {
    untilStopped: () => following,
    async close() {
      closing.abort();
      await following.catch(() => undefined); // untilStopped has told it.
    },
  };
}
