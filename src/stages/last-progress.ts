import { FatalError } from "../errors.ts";
import { type Clock, pause } from "../lib/clock.ts";

/** Pause between two looks at the time without progress, ms. */
const LOOK_MS = 500;
/** Pause between two looks so much time cannot pass while anything goes on, ms. */
const BLIND_MS = 5_000;
/** Causes told at the end: with more servers the rest says nothing new. */
const CAUSES_MAX = 8;

/**
 * When a run last achieved something, shared by all of its stages. Progress is a job's first submission, its end for good, an image stored,
 * an execution step of a job of ours or of one queued before it. An answer of a server is none, however good it is: a server that
 * answers one question well and another badly would keep a run going for ever.
 */
export interface LastProgress {
  /** Something was achieved. What hindered before is forgotten. */
  made(): void;
  /** Says why something, named by `what`, was not achieved. The newest cause of each is told where the run gives up. */
  hindered(what: string, cause: string): void;
  /** Fires once nothing was achieved for too long. What waits for a server ends then. */
  readonly gaveUp: AbortSignal;
  /**
   * Looks now and then until `until` fires, and resolves then. Where `isWaiting` answers false, this stage counts from then on.
   * @throws {FatalError} once nothing was achieved for `giveUpMs`, with the last causes.
   */
  watch(options: WatchOptions): Promise<void>;
}

export interface WatchOptions {
  readonly until: AbortSignal;
  /** True if the stage that watches has something to achieve, and nobody holds it back on purpose. */
  readonly isWaiting: () => boolean;
  /** What hinders that stage, as it stands, by name: told beside what was noted. */
  readonly causes?: () => Iterable<readonly [what: string, cause: string]>;
  /** Does what is left to do before the run gives up. True if that was anything: then it goes on for as long again. */
  readonly lastResort?: () => boolean;
}

export function createLastProgress({ clock, giveUpMs }: { readonly clock: Clock; readonly giveUpMs: number }): LastProgress {
  const causes = new Map<string, string>();
  const gaveUp = new AbortController();
  let atMs = clock.nowMs();

  function failure(standing: Iterable<readonly [string, string]>): FatalError {
    const shown = [...new Map([...standing, ...causes])]
      .slice(-CAUSES_MAX)
      .map(([what, cause]) => (cause.includes(what) ? cause : `${what}: ${cause}`));
    const why = shown.length === 0 ? "no server did anything, and none said why" : shown.join("; ");
    return new FatalError(
      `Cannot continue: nothing was achieved for ${Math.round(giveUpMs / 1_000)} s (generate.give_up_s). The last ${shown.length > 1 ? "causes" : "cause"}: ${why}`,
      {
        hint: "mend that, then run the same command again: it continues. Where work simply takes longer, raise generate.give_up_s",
      },
    );
  }

  return {
    gaveUp: gaveUp.signal,
    made() {
      atMs = clock.nowMs();
      causes.clear();
    },
    hindered(what, cause) {
      causes.delete(what); // The newest stands last.
      causes.set(what, cause);
    },
    async watch({ until, isWaiting, causes: standing = () => [], lastResort = () => false }) {
      let excusedAtMs = clock.nowMs();
      let lookedAtMs = excusedAtMs;
      while (!until.aborted) {
        const blindMs = clock.nowMs() - lookedAtMs;
        lookedAtMs = clock.nowMs();
        // The process was stopped, or waited for its database: nothing could be achieved.
        if (blindMs > BLIND_MS) excusedAtMs = Math.max(atMs, excusedAtMs) + blindMs;
        if (!isWaiting()) excusedAtMs = clock.nowMs();
        else if (clock.nowMs() - Math.max(atMs, excusedAtMs) >= giveUpMs) {
          if (lastResort()) {
            excusedAtMs = clock.nowMs();
            continue;
          }
          const error = failure(standing());
          gaveUp.abort();
          throw error;
        }
        await pause(clock, { delayMs: LOOK_MS, signal: until });
      }
    },
  };
}
