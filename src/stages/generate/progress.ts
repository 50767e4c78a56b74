import type { JobCounts } from "../../db/queries/jobs/jobs.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { createRateMeter, type RateMeter } from "../../lib/rate-meter.ts";

/** Servers with a line of their own on a terminal; with more the screen would be full of them. */
const SHOWN_SERVERS = 8;

interface ServerLine {
  readonly rate: RateMeter;
  done: number;
  out: number;
  /** "up", or why it gets nothing. */
  state: string;
  step: string;
}

export interface ProgressOptions {
  readonly counts: JobCounts;
  readonly log: Pick<Log, "progress">;
  readonly clock: Pick<Clock, "nowMs">;
}

export type GenerateProgress = ReturnType<typeof generateProgress>;

/** Counts of jobs, in all and by server, and how people see them. */
export function generateProgress({ counts: first, log, clock }: ProgressOptions) {
  const counts = { ...first };
  const total = counts.planned + counts.submitted + counts.done + counts.failed;
  const servers = new Map<string, ServerLine>();

  const lineOf = (url: string): ServerLine => {
    const line = servers.get(url) ?? { rate: createRateMeter(0, clock.nowMs()), done: 0, out: 0, state: "not seen yet", step: "" };
    servers.set(url, line);
    return line;
  };

  const show = (): void => {
    const lines = [...servers];
    const up = lines.filter(([, line]) => line.state === "up").length;
    const out = lines.reduce((sum, [, line]) => sum + line.out, 0);
    log.progress("generate", {
      done: counts.done,
      total,
      failed: counts.failed,
      note: `${up} of ${servers.size} servers, ${out} out`,
      details: () => lines.slice(0, SHOWN_SERVERS).map(([url, line]) => describe(url, line, clock.nowMs())),
    });
  };

  return {
    counts,
    show,
    setState(url: string, state: string): void {
      lineOf(url).state = state;
      show();
    },
    setOut(url: string, out: number): void {
      lineOf(url).out = out;
      show();
    },
    step(url: string, { value, max }: { readonly value: number; readonly max: number }): void {
      lineOf(url).step = value < max ? `step ${value}/${max}` : "";
      show();
    },
    done(url: string): void {
      counts.done++;
      const line = lineOf(url);
      line.done++;
      line.step = "";
      show();
    },
    failed(jobs: number): void {
      counts.failed += jobs;
      show();
    },
    revived(jobs: number): void {
      counts.failed -= jobs;
      show();
    },
    gone(url: string): void {
      servers.delete(url);
      show();
    },
  };
}

function describe(url: string, line: ServerLine, nowMs: number): string {
  const rate = line.rate.read(line.done, nowMs).toFixed(2);
  return [url, line.state === "up" ? `${rate}/s` : line.state, `${line.done} done, ${line.out} out`, line.step].filter(Boolean).join(" · ");
}
