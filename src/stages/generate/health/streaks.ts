/** A failure that somebody is to blame for. */
export interface Failure {
  readonly job: string;
  readonly promptKey: string;
  readonly variant: string;
  readonly server: string;
}

/** Of one server, failures: more of them than any rule asks for need not be told apart. */
const STREAK_MAX = 64;

export interface Entry extends Failure {
  /** When it happened, by the order of all successes and failures. */
  readonly order: number;
}

/** Failures by server since its variants last succeeded there, oldest first. */
export type Streaks = ReturnType<typeof createStreaks>;

export function createStreaks() {
  const byServer = new Map<string, Entry[]>();

  return {
    of: (server: string): readonly Entry[] => byServer.get(server) ?? [],
    servers: (): Iterable<string> => byServer.keys(),
    add(entry: Entry): void {
      const entries = byServer.get(entry.server) ?? [];
      byServer.set(entry.server, entries);
      entries.push(entry);
      if (entries.length > STREAK_MAX) entries.shift();
    },
    /** Ends a server's streak of a variant; null: all of it. True if there was any. */
    end(server: string, variant: string | null): boolean {
      const entries = byServer.get(server) ?? [];
      const left = variant === null ? [] : entries.filter((entry) => entry.variant !== variant);
      if (left.length === 0) byServer.delete(server);
      else byServer.set(server, left);
      return left.length < entries.length;
    },
    /** The job is to blame. */
    remove(job: string): void {
      for (const [server, entries] of byServer) {
        const left = entries.filter((entry) => entry.job !== job);
        if (left.length === 0) byServer.delete(server);
        else byServer.set(server, left);
      }
    },
  };
}

/** One prompt that no model can draw is no evidence, however many seeds it has. */
export function promptsIn(entries: readonly Entry[]): number {
  return new Set(entries.map((entry) => entry.promptKey)).size;
}
