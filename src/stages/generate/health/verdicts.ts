import type { Context } from "../../../context.ts";
import type { FailureQueries } from "../../../db/queries/jobs/failures.ts";
import type { JobQueries } from "../../../db/queries/jobs/jobs.ts";
import { rememberServer } from "../../../db/queries/jobs/servers.ts";
import type { Verdict } from "./health.ts";
import type { GenerateProgress } from "../progress.ts";
import type { Schedule } from "../schedule.ts";

export interface ActorNeeds extends Pick<Context, "db" | "log" | "clock"> {
  readonly jobs: JobQueries;
  readonly failures: FailureQueries;
  readonly schedule: Schedule;
  readonly progress: GenerateProgress;
  /** The reason why servers are not used, by URL. */
  readonly downReasons: Map<string, string>;
  /** The variant is run no more. False if that was said before. */
  readonly retire: (variant: string) => boolean;
}

export type Act = (verdicts: readonly Verdict[]) => void;

/** Writes verdicts down, and tells people. */
export function verdictActor(needs: ActorNeeds): Act {
  const { db, log, clock, jobs, failures, schedule, progress, downReasons } = needs;
  const forgive = (server: string, variant: string | null): void => progress.revived(failures.forgive(server, variant));

  function latch(server: string, why: string): void {
    forgive(server, null);
    if (!downReasons.has(server)) {
      log.warn(`${server} is left alone for a while: ${why}. Its failures do not count; it is tried again with one job now and then`);
      log.event("server_latched", { server, why });
    }
    downReasons.set(server, why);
    rememberServer(db, server, { state: "latched", detail: why });
    progress.setState(server, "left alone");
  }

  function bar(server: string, variant: string, why: string): void {
    forgive(server, variant);
    log.warn(`${server} gets no jobs of variant "${variant}" for a while: ${why}`);
    log.event("variant_barred", { server, variant, why });
  }

  function quarantine(variant: string, why: string): void {
    const isNews = needs.retire(variant);
    const others = jobs.quarantine(variant, why, clock.nowMs());
    progress.failed(others);
    if (!isNews && others === 0) return;
    log.error(
      `The variant "${variant}" is set aside with ${others} more jobs: ${why}\nTry: correct it in the configuration (one that has made no image keeps its name), or retry where the servers were at fault`,
    );
    log.event("variant_quarantined", { variant, why });
  }

  return (verdicts) => {
    for (const verdict of verdicts) {
      if (verdict.kind === "latch") latch(verdict.server, verdict.why);
      else if (verdict.kind === "bar") bar(verdict.server, verdict.variant, verdict.why);
      else quarantine(verdict.variant, verdict.why);
    }
    if (verdicts.length > 0) schedule.moreWork();
  };
}
