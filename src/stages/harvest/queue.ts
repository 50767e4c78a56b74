import type { ImageQueries, ListedImageRow } from "../../db/queries/images/images.ts";
import type { Clock } from "../../lib/clock.ts";
import { backoffMs, WAITS } from "../../lib/retry.ts";

/** Images of a server held in memory at a time. */
const PAGE = 64;
/** Bad images of a server that wait for their next fetch; at so many the server itself has to wait. */
const DEFERRED_MAX = 64;

export interface QueueNeeds {
  readonly images: Pick<ImageQueries, "listedAt" | "serversWithListed" | "isListed">;
  readonly clock: Pick<Clock, "nowMs">;
  /** False for servers that left the configuration: their images are never claimed. */
  readonly isKnown: (server: string) => boolean;
}

/** An image on its way. */
export interface HarvestItem extends ListedImageRow {
  /** When its server failed at it first, ms since the epoch. */
  readonly troubledAtMs: number | null;
  /** Fingerprint of its last bad answer (ImageCheck.fingerprint); null: none yet, or not known. */
  readonly refused: string | null;
}

/** One server's images, and how the server is. */
interface Lane {
  readonly server: string;
  page: ListedImageRow[];
  readonly inFlight: Set<string>;
  readonly deferred: Map<string, { readonly item: HarvestItem; readonly dueMs: number }>;
  failedTries: number;
  dueMs: number;
  downSinceMs: number | null;
  lastAnswerMs: number;
}

export type HarvestQueue = ReturnType<typeof harvestQueue>;

/**
 * Chooses the image that is fetched next: servers in turn, so that a slow one does not hold back the others. A server or store that fails
 * waits
 * with growing pauses and is then tried with one image, before it gets the rest.
 */
export function harvestQueue({ images, clock, isKnown }: QueueNeeds) {
  const lanes = new Map<string, Lane>();
  const store = { failedTries: 0, dueMs: 0 };
  let turn = 0;
  let inFlight = 0;

  function laneOf(server: string): Lane {
    const found = lanes.get(server);
    if (found !== undefined) return found;
    const lane: Lane = {
      server,
      page: [],
      inFlight: new Set(),
      deferred: new Map(),
      failedTries: 0,
      dueMs: 0,
      downSinceMs: null,
      lastAnswerMs: 0,
    };
    lanes.set(server, lane);
    return lane;
  }

  /** True after a failure: one image goes first. */
  const isProbing = (lane: Lane): boolean => lane.failedTries > 0 && lane.inFlight.size > 0;

  function next(lane: Lane, nowMs: number): HarvestItem | undefined {
    for (const [imageId, { item, dueMs }] of lane.deferred) {
      if (dueMs > nowMs) continue;
      lane.deferred.delete(imageId);
      if (images.isListed(item)) return item; // Else its job was planned again over another image.
    }
    if (lane.deferred.size >= DEFERRED_MAX) return undefined;
    if (lane.page.length === 0) {
      const limit = PAGE + lane.inFlight.size + lane.deferred.size;
      lane.page = images.listedAt(lane.server, limit).filter(({ imageId }) => !lane.inFlight.has(imageId) && !lane.deferred.has(imageId));
    }
    const image = lane.page.shift();
    return image === undefined ? undefined : { ...image, troubledAtMs: null, refused: null };
  }

  /** When the lane has something to claim, null if nothing waits for a time. */
  function dueOf(lane: Lane, nowMs: number): number | null {
    if (isProbing(lane)) return null;
    if (lane.dueMs > nowMs) return lane.dueMs;
    // Its pause may have ended since claim() looked.
    if (lane.failedTries > 0 && lane.deferred.size === 0) return nowMs;
    return lane.deferred.size === 0 ? null : Math.min(...[...lane.deferred.values()].map(({ dueMs }) => dueMs));
  }

  return {
    claim(limit: number): readonly HarvestItem[] {
      const nowMs = clock.nowMs();
      if (store.dueMs > nowMs) return [];
      const wanted = store.failedTries === 0 ? limit : Math.min(limit, 1 - inFlight);
      const servers = images.serversWithListed().filter(isKnown);
      const claimed: HarvestItem[] = [];
      let dry = 0;
      while (claimed.length < wanted && dry < servers.length) {
        const lane = laneOf(servers[turn++ % servers.length] ?? "");
        const item = lane.dueMs > nowMs || isProbing(lane) ? undefined : next(lane, nowMs);
        if (item === undefined) {
          dry++;
          continue;
        }
        dry = 0;
        lane.inFlight.add(item.imageId);
        inFlight++;
        claimed.push(item);
      }
      return claimed;
    },

    /** Milliseconds until claim() can have something that it has not now; null if no time changes that. */
    nextDueMs(): number | null {
      if (store.failedTries > 0 && inFlight > 0) return null;
      const nowMs = clock.nowMs();
      const servers = images.serversWithListed().filter(isKnown);
      if (servers.length === 0) return null;
      const dues = servers.map((server) => dueOf(laneOf(server), nowMs)).filter((dueMs) => dueMs !== null);
      if (store.dueMs > nowMs) return Math.max(store.dueMs, dues.length === 0 ? 0 : Math.min(...dues)) - nowMs;
      // The store's pause likewise: what is listed waits for nothing else then.
      if (dues.length === 0) return store.failedTries > 0 ? 1 : null;
      return Math.max(1, Math.min(...dues) - nowMs);
    },

    /** The image is no longer in flight. */
    release({ server, imageId }: ListedImageRow): void {
      if (laneOf(server).inFlight.delete(imageId)) inFlight--;
    },

    /** Fetches the image again later, as it is described here. */
    defer(item: HarvestItem): void {
      const dueMs = clock.nowMs() + backoffMs(item.badFetches, WAITS.image);
      laneOf(item.server).deferred.set(item.imageId, { item, dueMs });
    },

    /** The server answered about an image, whatever it said. */
    serverAnswered(server: string): void {
      const lane = laneOf(server);
      lane.failedTries = 0;
      lane.dueMs = 0;
      lane.downSinceMs = null;
      lane.lastAnswerMs = clock.nowMs();
    },

    /** When the server last answered about an image, ms since the epoch; 0: not in this run. */
    lastAnswerMs: (server: string): number => laneOf(server).lastAnswerMs,

    /** The server is away. Answers for how long, ms. */
    serverFailed(server: string, retryAfterMs: number | undefined): number {
      const lane = laneOf(server);
      const nowMs = clock.nowMs();
      lane.downSinceMs ??= nowMs;
      // Transfers in flight together fail together: that is one failure.
      if (lane.dueMs <= nowMs) lane.dueMs = nowMs + backoffMs(lane.failedTries++, { ...WAITS.server, retryAfterMs });
      return nowMs - lane.downSinceMs;
    },

    storeWorked(): void {
      store.failedTries = 0;
      store.dueMs = 0;
    },

    /** Everything waits for the store. */
    storeFailed(retryAfterMs: number | undefined): void {
      const nowMs = clock.nowMs();
      if (store.dueMs <= nowMs) store.dueMs = nowMs + backoffMs(store.failedTries++, { ...WAITS.harvestStore, retryAfterMs });
    },

    /** Forgets what was read of the server's images: they were planned again. */
    forget(server: string): void {
      const lane = laneOf(server);
      lane.page = [];
      lane.deferred.clear();
    },
  };
}
