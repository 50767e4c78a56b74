export type Trust = ReturnType<typeof createTrust>;

/** Knows which servers are left alone, and which variants on which servers. */
export function createTrust({ nowMs, probeAfterMs }: { readonly nowMs: () => number; readonly probeAfterMs: number }) {
  const latches = new Map<string, Breaker>();
  const bars = new Map<string, Breaker>();
  const barKey = (server: string, variant: string): string => `${server}\n${variant}`;

  function setProbing(server: string, variant: string, isProbing: boolean): void {
    const [latch, bar] = [latches.get(server), bars.get(barKey(server, variant))];
    if (latch !== undefined) latches.set(server, { ...latch, isProbing });
    if (bar !== undefined) bars.set(barKey(server, variant), { ...bar, isProbing });
  }

  return {
    latch: (server: string, why: string): void =>
      void latches.set(server, openBreaker(latches.get(server), { why, nowMs: nowMs(), probeAfterMs })),
    bar(server: string, variant: string, why: string): void {
      const key = barKey(server, variant);
      bars.set(key, openBreaker(bars.get(key), { why, nowMs: nowMs(), probeAfterMs }));
    },
    /** True if the server, or the variant there, was left alone until now. */
    restore: (server: string, variant: string): boolean => [latches.delete(server), bars.delete(barKey(server, variant))].includes(true),
    whyLatched: (server: string): string | undefined => latches.get(server)?.why,
    whyBarred: (server: string, variant: string): string | undefined => bars.get(barKey(server, variant))?.why,
    permission(server: string, variant: string): Permission {
      const both = [permissionOf(latches.get(server), nowMs()), permissionOf(bars.get(barKey(server, variant)), nowMs())];
      return both.includes("no") ? "no" : both.includes("probe") ? "probe" : "yes";
    },
    /** A job goes out to a server; where that is a probe, no other follows until it is over. */
    sent: (server: string, variant: string): void => setProbing(server, variant, true),
    /** A job came back that says nothing of the server: lost, interrupted, refused. */
    returned: (server: string, variant: string): void => setProbing(server, variant, false),
    /** The server is asked no more. */
    forget(server: string): void {
      latches.delete(server);
      for (const key of bars.keys()) if (key.startsWith(`${server}\n`)) bars.delete(key);
    },
  };
}

/** A probe waits at most so many times `probe_after_s`. */
const MAX_FACTOR = 16;

/** Something that is not trusted for a while. */
interface Breaker {
  readonly why: string;
  /** When it may be tried with one job, ms since the epoch. */
  readonly untilMs: number;
  /** Number of times that it was tried since. */
  readonly tries: number;
  /** One job is there to find out. */
  readonly isProbing: boolean;
}

type Permission = "yes" | "probe" | "no";

/** The first time, or after a failed probe: each wait is twice the one before. */
function openBreaker(before: Breaker | undefined, { why, nowMs, probeAfterMs }: OpenOptions): Breaker {
  // Jobs that were out together with the probe fail together with it: that is one failure.
  if (before !== undefined && !before.isProbing) return { ...before, why };
  const tries = before === undefined ? 0 : before.tries + 1;
  return { why, tries, untilMs: nowMs + probeAfterMs * Math.min(MAX_FACTOR, 2 ** tries), isProbing: false };
}

interface OpenOptions {
  readonly why: string;
  readonly nowMs: number;
  readonly probeAfterMs: number;
}

function permissionOf(breaker: Breaker | undefined, nowMs: number): Permission {
  if (breaker === undefined) return "yes";
  return breaker.isProbing || nowMs < breaker.untilMs ? "no" : "probe";
}
