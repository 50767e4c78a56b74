import { createStreaks, type Failure } from "./streaks.ts";

/** Jobs of a variant that failed for good since it last worked. */
export interface Finals {
  /** The order of the first. */
  readonly since: number;
  readonly prompts: Set<string>;
  /** Where they failed. */
  readonly servers: Set<string>;
}

export type Evidence = ReturnType<typeof createEvidence>;

/** What was seen of servers, variants and jobs, as far as it may still matter. `worked`: variants that worked in an earlier run. */
export function createEvidence(earlier: readonly string[]) {
  const streaks = createStreaks();
  const worked = new Set(earlier);
  /** By server, by variant: the order of the last success. */
  const successes = new Map<string, Map<string, number>>();
  /** By job that is not over: the servers that failed at it and are trusted. */
  const testimonies = new Map<string, Set<string>>();
  const finals = new Map<string, Finals>();
  let order = 0;

  const testify = (job: string, server: string): void => void testimonies.set(job, (testimonies.get(job) ?? new Set()).add(server));
  /** Several servers that are trusted failed at the job: that speaks against it, not against them. */
  const isSuspect = (job: string): boolean => (testimonies.get(job)?.size ?? 0) > 1;

  return {
    streaks,
    worked,
    finals,
    testify,
    isSuspect,
    lastSuccess: (server: string, variant: string): number => successes.get(server)?.get(variant) ?? -1,
    lastSuccessOfAny: (server: string): number => Math.max(-1, ...(successes.get(server)?.values() ?? [])),
    /** True if another variant worked somewhere after `since`. */
    othersWorked: (variant: string, since: number): boolean =>
      [...successes.values()].some((byVariant) => [...byVariant].some(([other, at]) => other !== variant && at > since)),
    addFailure(failure: Failure): void {
      streaks.add({ ...failure, order: ++order });
    },
    /** Ends the streak of the variant there; true if there was one. */
    addSuccess({ server, variant, job }: Pick<Failure, "server" | "variant" | "job">): boolean {
      const byVariant = successes.get(server) ?? new Map<string, number>();
      successes.set(server, byVariant.set(variant, ++order));
      worked.add(variant);
      finals.delete(variant);
      testimonies.delete(job); // It could be made: who failed at it stands alone with that.
      return streaks.end(server, variant);
    },
    addFinal({ variant, promptKey, job, server }: Failure): void {
      const failed = finals.get(variant) ?? { since: order, prompts: new Set(), servers: new Set() };
      finals.set(variant, failed);
      failed.prompts.add(promptKey);
      for (const url of [server, ...(testimonies.get(job) ?? [])]) failed.servers.add(url);
      if (isSuspect(job)) streaks.remove(job);
      testimonies.delete(job);
    },
    /** What the server said is worth nothing. */
    discredit(server: string): void {
      streaks.end(server, null);
      for (const servers of testimonies.values()) servers.delete(server);
    },
  };
}
