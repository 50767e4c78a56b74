import { blameServer, blameVariant, createEvidence, type Failure } from "./blame.ts";
import { createTrust } from "./trust.ts";

export type Verdict =
  /** The server is left alone for a while; nothing that it said counts. */
  | { readonly kind: "latch"; readonly server: string; readonly why: string }
  /** So is the variant on this server. */
  | { readonly kind: "bar"; readonly server: string; readonly variant: string; readonly why: string }
  /** The variant runs nowhere. */
  | { readonly kind: "quarantine"; readonly variant: string; readonly why: string };

export interface HealthOptions {
  readonly nowMs: () => number;
  readonly probeAfterMs: number;
  /** Servers that answer. */
  readonly up: () => readonly string[];
  /** True if a server may be given jobs of a variant now. */
  readonly takes: (server: string, variant: string) => boolean;
  /** Variants that there are jobs of. */
  readonly activeVariants: () => readonly string[];
  /** Variants that have worked in an earlier run. */
  readonly worked: readonly string[];
}

/** Decides who is to blame for failures. It is pure but for the clock: it is told what happens, and answers with verdicts. */
export type Health = ReturnType<typeof createHealth>;

export function createHealth({ nowMs, probeAfterMs, up, takes, activeVariants, worked }: HealthOptions) {
  const trust = createTrust({ nowMs, probeAfterMs });
  const evidence = createEvidence(worked);
  const trusted = (): readonly string[] => up().filter((url) => trust.whyLatched(url) === undefined);

  function latch(server: string, why: string): Verdict {
    trust.latch(server, why);
    evidence.discredit(server);
    return { kind: "latch", server, why };
  }

  function bar(server: string, variant: string, why: string): Verdict {
    trust.bar(server, variant, why);
    evidence.streaks.end(server, variant);
    return { kind: "bar", server, variant, why };
  }

  function judge(server: string): readonly Verdict[] {
    const witnesses = trusted().filter((url) => url !== server);
    const blame = blameServer(server, evidence, witnesses);
    if (blame === null) return [];
    const { variant, why } = blame;
    return [variant !== null && activeVariants().length > 1 ? bar(server, variant, why) : latch(server, why)];
  }

  function judgeVariant(failure: Failure): readonly Verdict[] {
    evidence.addFinal(failure);
    // A server that refused it, or may not take it now, is no witness.
    const triers = trusted().filter((url) => takes(url, failure.variant));
    const why = blameVariant(failure.variant, evidence, triers);
    if (why === null) return [];
    evidence.finals.delete(failure.variant);
    return [{ kind: "quarantine", variant: failure.variant, why }];
  }

  return {
    /** Takes over what an earlier run left undecided. */
    load(open: readonly Failure[], said: readonly Pick<Failure, "job" | "server">[]): void {
      for (const { job, server } of said) evidence.testify(job, server);
      for (const failure of open) evidence.addFailure(failure);
    },

    /**
     * A server failed at a job. `final`: no attempt is left, should it count. Answers whether it counts, whether the job is to blame
     * for good, and what else follows.
     */
    failed(failure: Failure, { final }: { readonly final: boolean }) {
      const { server, variant, job } = failure;
      // A server that is not trusted cannot blame a job.
      const [latched, barred] = [trust.whyLatched(server), trust.whyBarred(server, variant)];
      if (latched !== undefined) return { state: "forgiven" as const, isCondemned: false, verdicts: [latch(server, latched)] };
      if (barred !== undefined) return { state: "forgiven" as const, isCondemned: false, verdicts: [bar(server, variant, barred)] };
      evidence.testify(job, server);
      evidence.addFailure(failure);
      const verdicts = judge(server);
      const isOver = final && verdicts.length === 0;
      const isCondemned = isOver && evidence.isSuspect(job);
      const state = isCondemned ? ("counted" as const) : ("open" as const);
      return { state, isCondemned, verdicts: isOver ? judgeVariant(failure) : verdicts };
    },

    /** An image was made. `clears`: failures of the variant there were its jobs' own; `isNew`: it never worked before. */
    succeeded(success: Pick<Failure, "server" | "variant" | "job">) {
      const { server, variant } = success;
      const isNew = !evidence.worked.has(variant);
      const clears = evidence.addSuccess(success);
      const recovered = trust.restore(server, variant);
      const verdicts = [...evidence.streaks.servers()].filter((url) => url !== server).flatMap(judge);
      return { clears, recovered, isNew, verdicts };
    },

    /** The server accepts and runs nothing, or takes nothing at all. */
    latch,
    /** A variant made an image once, in this run or an earlier one. */
    hasWorked: (variant: string): boolean => evidence.worked.has(variant),
    permission: (server: string, variant: string) => trust.permission(server, variant),
    sent: (server: string, variant: string): void => trust.sent(server, variant),
    returned: (server: string, variant: string): void => trust.returned(server, variant),
    whyLatched: (server: string) => trust.whyLatched(server),
    /** The server is asked no more: nothing of it is remembered. */
    forget(server: string): void {
      trust.forget(server);
      evidence.discredit(server);
    },
  };
}
