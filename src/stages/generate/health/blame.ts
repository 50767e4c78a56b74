/** So many different prompts in a row are evidence against a server or variant. Source: docs/design/generate.md, "Whether at all: health". */
const EVIDENCE_PROMPTS = 3;
/** Failures in a row that are evidence without anything to compare with. */
const LONE_EVIDENCE_PROMPTS = 10;

export interface Blame {
  /** Null: for whatever it runs. */
  readonly variant: string | null;
  readonly why: string;
}

/** Tells if failures at a server are the server's fault. `witnesses`: other servers that answer and are trusted. */
export function blameServer(server: string, evidence: Evidence, witnesses: readonly string[]): Blame | null {
  const entries = evidence.streaks.of(server);
  const firm = entries.filter((entry) => !evidence.isSuspect(entry.job));
  for (const [variant, own] of Map.groupBy(firm, (entry) => entry.variant)) {
    const first = own[0]?.order ?? 0;
    if (promptsIn(own) < EVIDENCE_PROMPTS) continue;
    const witness = witnesses.find((other) => evidence.lastSuccess(other, variant) > first);
    if (witness === undefined) continue;
    return {
      variant,
      why: `${promptsIn(own)} different prompts in a row failed there, while ${witness} made images of variant "${variant}"`,
    };
  }
  const sinceAny = entries.filter((entry) => entry.order > evidence.lastSuccessOfAny(server));
  if (promptsIn(sinceAny) < LONE_EVIDENCE_PROMPTS || !sinceAny.every((entry) => evidence.worked.has(entry.variant))) return null;
  return { variant: null, why: `${promptsIn(sinceAny)} different prompts in a row failed there, of variants that have worked before` };
}

/** Tells if a variant cannot run anywhere, and why. `servers`: those that answer and are trusted. */
export function blameVariant(variant: string, evidence: Evidence, servers: readonly string[]): string | null {
  const failed = evidence.finals.get(variant);
  if (failed === undefined || failed.prompts.size < EVIDENCE_PROMPTS) return null;
  if (!servers.every((server) => failed.servers.has(server))) return null;
  // A variant that has worked, and fails together with all others, may fail because of the servers.
  if (evidence.worked.has(variant) && !evidence.othersWorked(variant, failed.since)) return null;
  return `${failed.prompts.size} different prompts of it failed for good, on every server tried`;
}

/** Jobs of a variant that failed for good since it last worked. */
interface Finals {
  /** The order of the first. */
  readonly since: number;
  readonly prompts: Set<string>;
  /** The server where they failed. */
  readonly servers: Set<string>;
}

type Evidence = ReturnType<typeof createEvidence>;

/** Keeps what was seen of servers, variants and jobs, as far as it may still matter. `worked`: variants that worked in an earlier run. */
export function createEvidence(earlier: readonly string[]) {
  const streaks = createStreaks();
  const worked = new Set(earlier);
  /** Keyed by server, then variant: the order of the last success. */
  const successes = new Map<string, Map<string, number>>();
  /** Keyed by job that is not over: the trusted servers that failed at it. */
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
    /** Forgets the evidence of a server. */
    discredit(server: string): void {
      streaks.end(server, null);
      for (const servers of testimonies.values()) servers.delete(server);
    },
  };
}

/** A failure that somebody is to blame for. */
export interface Failure {
  readonly job: string;
  readonly promptKey: string;
  readonly variant: string;
  readonly server: string;
}

/** Failures kept of one server: more than any rule asks for. */
const STREAK_MAX = 64;

interface Entry extends Failure {
  /** When it happened, by the order of all successes and failures. */
  readonly order: number;
}

/** Keeps the failures of each server since its variants last succeeded there, oldest first. */
function createStreaks() {
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
function promptsIn(entries: readonly Entry[]): number {
  return new Set(entries.map((entry) => entry.promptKey)).size;
}
