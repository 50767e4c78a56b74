import type { WriteBehind } from "../write-behind.ts";

export interface CommitSoon {
  /** To be called whenever something was added: it is written in time, also where nothing else happens meanwhile. */
  arm(): void;
  /** Writes what is due. False once a write has failed: nothing more is to be begun. */
  writeDue(): boolean;
  /** Writes all that waits, unless a write has failed. Throws what that one threw. */
  end(): void;
}

/**
 * Writes results that wait, no later than at their time. A failure is told once, by `onFailure`, so that whoever moves images can settle
 * what is in flight first.
 */
export function commitSoon(results: Omit<WriteBehind<never>, "add">, onFailure: () => void): CommitSoon {
  let timer: NodeJS.Timeout | undefined;
  let failure: { readonly error: unknown } | undefined;

  function guarded(write: () => void): void {
    if (failure !== undefined) return;
    try {
      write();
    } catch (error) {
      failure = { error };
      onFailure();
    }
  }

  function arm(): void {
    const dueMs = results.dueMs();
    if (timer !== undefined || dueMs === null || failure !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      guarded(results.flushIfDue);
      arm(); // What came later than the first has its own time.
    }, dueMs);
  }

  return {
    arm,
    writeDue() {
      guarded(results.flushIfDue);
      return failure === undefined;
    },
    end() {
      clearTimeout(timer);
      guarded(results.flush);
      if (failure !== undefined) throw failure.error;
    },
  };
}
