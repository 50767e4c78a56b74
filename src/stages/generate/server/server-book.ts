import { describeEpoch, epochKeyOf, serverEpoch, type ServerEpoch } from "../../../comfy/client/server-epoch.ts";
import type { SystemStats } from "../../../comfy/client/system-stats.ts";
import type { Context } from "../../../context.ts";
import { addToCounter } from "../../../db/queries/jobs/counters.ts";
import { findLastEpoch, rememberEpoch } from "../../../db/queries/jobs/epochs.ts";
import { findServer, rememberServer } from "../../../db/queries/jobs/servers.ts";
import type { FatalError, TransientError } from "../../../errors.ts";
import type { Health } from "../health/health.ts";
import type { GenerateProgress } from "../progress.ts";
import type { Schedule } from "../schedule.ts";
import type { Uploads } from "./uploads.ts";

/** Pause between two notes of a server's last number, ms. */
const REMEMBER_INTERVAL_MS = 5_000;

export interface ServerBookNeeds extends Pick<Context, "db" | "log" | "clock"> {
  readonly schedule: Schedule;
  readonly health: Health;
  readonly progress: GenerateProgress;
  readonly uploads: Pick<Uploads, "forget">;
  /** Servers that answer. */
  readonly up: Set<string>;
  /** The reason why servers do not answer or are left alone, by URL. */
  readonly downReasons: Map<string, string>;
  /** Number of servers in the configuration now. */
  readonly serverCount: () => number;
  readonly fail: (error: unknown) => void;
  readonly changed: () => void;
}

export type ServerBook = ReturnType<typeof serverBook>;

/** Keeps what is known of each server: in memory, in the database and on the screen. */
export function serverBook(needs: ServerBookNeeds) {
  const { db, log, clock, schedule, health, progress, up, downReasons } = needs;
  const unusable = new Set<string>();
  const downSinceMs = new Map<string, number>();
  const refusals = new Map<string, string>();
  const writtenAtMs = new Map<string, number>();
  const models = new Map<string, string>();
  const lastNumbers = new Map<string, { readonly number: number; isWritten: boolean }>();
  const lastNumberOf = (url: string): number => lastNumbers.get(url)?.number ?? -1;

  function takeOut(url: string, { why, state }: { readonly why: string; readonly state: string }): void {
    if (up.delete(url) || !downSinceMs.has(url)) downSinceMs.set(url, clock.nowMs());
    downReasons.set(url, why);
    schedule.serverDown(url);
    schedule.moreWork();
    rememberServer(db, url, { state: "down", detail: why });
    progress.setState(url, state);
    needs.changed();
  }

  /** Writes down what the server is now. Says so where it was something else when it made images before. */
  function noteEpoch(url: string, facts: ServerEpoch): string {
    const epoch = epochKeyOf(facts);
    const before = findLastEpoch(db, url);
    rememberEpoch(db, epoch, { facts, nowMs: clock.nowMs() });
    if (before !== undefined && before.epoch !== epoch) {
      const [was, is] = [describeEpoch(before), describeEpoch(facts)];
      const change = was === is ? `${is}, started with other arguments than before` : `${is}; it was ${was} before`;
      log.warn(
        `${url} is another server now: ${change}. The same seed may give another image there. status counts the prompts that have images of both`,
      );
      log.event("server_changed", { server: url, before: was, now: is });
    }
    return epoch;
  }

  return {
    isUp: (url: string): boolean => up.has(url),
    anyUp: (): boolean => up.size > 0,
    upServers: (): readonly string[] => [...up],
    /** Returns the time without an answer of the server, ms. */
    downForMs: (url: string): number => clock.nowMs() - (downSinceMs.get(url) ?? clock.nowMs()),
    downReasons,
    /** The last refusals of servers, in ComfyUI's words, by URL. */
    refusals,
    serverUp(url: string, stats: SystemStats): void {
      const { version, withoutMetadata } = stats;
      const epoch = noteEpoch(url, serverEpoch(stats));
      up.add(url);
      downSinceMs.delete(url);
      unusable.delete(url);
      needs.uploads.forget(url);
      schedule.serverUp(url);
      if (!lastNumbers.has(url)) lastNumbers.set(url, { number: findServer(db, url)?.lastNumber ?? -1, isWritten: true });
      const latched = health.whyLatched(url);
      if (latched === undefined) downReasons.delete(url);
      const state = latched === undefined ? "up" : "latched";
      const detail = latched ?? version;
      rememberServer(db, url, { state, detail, withoutMetadata: withoutMetadata ? 1 : 0, epoch, seenAtMs: clock.nowMs() });
      log.info(`${url} is up: ComfyUI ${version}`);
      progress.setState(url, latched === undefined ? "up" : "left alone");
      needs.changed();
    },
    /** Its configuration changed: it is asked anew. */
    serverRenewed(url: string): void {
      log.info(`${url}: its configuration changed, and it is asked with the new one`);
      takeOut(url, { why: "its configuration changed", state: "not seen yet" });
    },
    serverDown(url: string, { message: why, answered }: Pick<TransientError, "message" | "answered">): void {
      const state = { none: "does not answer", busy: "is busy", refused: "answers badly" }[answered];
      if (up.has(url)) log.warn(`${url} ${state}: ${why}. Trying again`);
      else log.debug(`${url} still ${state}: ${why}`);
      takeOut(url, { why, state });
    },
    /** Trying again cannot help before a person acts: credentials. The other servers go on; where none is left, the run ends. */
    serverUnusable(url: string, error: FatalError): void {
      takeOut(url, { why: error.message, state: "cannot be used" });
      unusable.add(url);
      if (unusable.size >= needs.serverCount()) return needs.fail(error);
      log.warn(`${error.message}. Going on without ${url}${error.hint === undefined ? "" : `\nTry: ${error.hint}`}`);
    },
    /** The server left the configuration, and nothing of it is waited for. Answers the variants that no server is left for. */
    serverGone(url: string): readonly string[] {
      up.delete(url);
      unusable.delete(url);
      downReasons.delete(url);
      const orphaned = schedule.serverGone(url);
      health.forget(url);
      progress.gone(url);
      rememberServer(db, url, { state: "removed", detail: "no longer in the configuration" });
      needs.changed();
      return orphaned;
    },
    /** It was left alone, and a job went well there. */
    serverRecovered(url: string): void {
      downReasons.delete(url);
      rememberServer(db, url, { state: "up", detail: null });
      log.info(`${url} works again: it is given jobs as before`);
      log.event("server_recovered", { server: url });
      progress.setState(url, "up");
    },
    /** A job goes there whose workflow loads this model. */
    loads(url: string, model: string): void {
      if (models.get(url) === model) return;
      models.set(url, model);
      rememberServer(db, url, { model });
    },
    /** The highest `number` that the server gave a prompt of ours since it started; -1 where none is known. */
    lastNumberOf,
    /**
     * Records the `number` of an accepted prompt. True if it is not above `before`, the last number known when the prompt was sent: the
     * server restarted. (Not the last one now: answers of prompts sent together may overtake each other.)
     */
    noteNumber(url: string, number: number, before: number): boolean {
      const last = lastNumberOf(url);
      if (!Number.isFinite(number)) return false; // Servers that count nothing restart unseen: the grace period finds what they lost.
      const restarted = number <= before && before === last;
      lastNumbers.set(url, { number: restarted ? number : Math.max(number, last), isWritten: false });
      if (restarted) {
        needs.uploads.forget(url);
        addToCounter(db, "server_restarts", 1);
        log.warn(`${url} was started anew since it was last asked. What it had of ours is looked for, and made again where it is lost`);
      }
      return restarted;
    },
    /**
     * Writes down what the server's last number is, now and then, in whatever commit is under way. Behind the truth it only makes a restart
     * cost the grace period.
     */
    remember(url: string): void {
      const last = lastNumbers.get(url);
      if (last === undefined || last.isWritten || clock.nowMs() - (writtenAtMs.get(url) ?? 0) < REMEMBER_INTERVAL_MS) return;
      last.isWritten = true;
      writtenAtMs.set(url, clock.nowMs());
      rememberServer(db, url, { lastNumber: last.number, seenAtMs: clock.nowMs() });
    },
  };
}
