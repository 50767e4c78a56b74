import type { Context } from "../../context.ts";
import { isLocked } from "../../db/process-lock.ts";
import { listServers } from "../../db/queries/jobs/servers.ts";
import { ago } from "../../lib/words.ts";
import { oneLine } from "../../lib/terminal/printable.ts";

/** Details are servers' words and may be long. */
const DETAIL_CHARS = 160;

export interface DescribedServer {
  readonly url: string;
  readonly state: string;
  /** When it last came up, ms since the epoch. */
  readonly seenAtMs: number | null;
  readonly configured: boolean;
  /** For people. */
  readonly text: string;
}

/**
 * What is remembered of each server. Nobody is asked: only while a generate runs does anybody know, else what was up when one last
 * spoke to it may be dead by now.
 */
export function describeServers({ db, config }: Pick<Context, "db" | "config">, nowMs: number): readonly DescribedServer[] {
  const isWatched = isLocked(config.dir, "generate");
  const known = new Set(config.servers.map(({ url }) => url.replace(/\/+$/, "")));
  return listServers(db).map(({ url, state, seenAtMs, detail }) => {
    const configured = known.has(url);
    const since = seenAtMs === null ? "never seen up" : ago(nowMs - seenAtMs);
    const last = state === "up" ? `up when last seen, ${since}` : `${state}, ${seenAtMs === null ? since : `last seen up ${since}`}`;
    const seen = isWatched && configured && state === "up" ? `up, came up ${since}` : last;
    const about = detail === null ? "" : ` (${state === "up" ? "ComfyUI " : ""}${oneLine(detail, DETAIL_CHARS)})`;
    return { url, state, seenAtMs, configured, text: `${seen}${about}${configured ? "" : ", no longer in the configuration"}` };
  });
}
