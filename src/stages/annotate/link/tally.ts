import type { Judge } from "../../../judges/judge.ts";
import type { StoredLinks } from "../../../db/queries/annotate/preferences.ts";
import type { CandidateImage, LinkRules } from "./group-facts.ts";
import type { GroupPage } from "./read-groups.ts";

/** One pair set under one criterion. */
export interface LinkJob {
  readonly pairSet: string;
  readonly criterion: string;
  readonly rules: LinkRules;
}

type Counts = Record<string, number>;

/** What linking found for one job. */
export interface LinkReport {
  readonly pairSet: string;
  readonly criterion: string;
  /** Training rows by source: `people`, `judge:<name>`, `combined`. */
  readonly linked: Readonly<Counts>;
  /** By unit (image, pair, prompt), then reason. */
  readonly drops: Readonly<Record<string, Readonly<Counts>>>;
}

export interface LinkResult {
  readonly reports: readonly LinkReport[];
  /** Prompts whose candidates are all final. */
  readonly groups: number;
  /** Prompts with candidates still to run, fetch or inspect: they have no rows yet. */
  readonly pending: number;
  /** Final prompts of which a judge of the configuration has not seen every image: it may make other rows of them. */
  readonly unjudged: number;
  /** By criterion: the groups in which somebody voted, skips left out. */
  readonly voted: Readonly<Counts>;
  /** Pair set × prompt × criterion whose rows or drops are other than before. */
  readonly changed: number;
  /** True if it stopped early: the rest is as an earlier run left it. */
  readonly stopped: boolean;
}

export type LinkTally = ReturnType<typeof openTally>;

/** Counts while linking goes on, so that nothing has to be counted afterwards. */
export function openTally(jobs: readonly LinkJob[], judges: readonly Pick<Judge, "name">[]) {
  const emptyReport = (): { linked: Counts; drops: Record<string, Counts> } => ({ linked: {}, drops: {} });
  const reports = new Map(jobs.map((job) => [job, emptyReport()]));
  const voted: Counts = Object.fromEntries(jobs.map(({ criterion }) => [criterion, 0]));
  let groups = 0;
  let pending = 0;
  let unjudged = 0;
  let changed = 0;
  const isUnjudged = ({ state, look, scores }: CandidateImage): boolean =>
    state === "stored" && look !== null && judges.some(({ name }) => !scores.has(name));

  return {
    addPage(page: GroupPage): void {
      groups += page.final.length;
      pending += page.pending;
      for (const { votes, images } of page.final) {
        if (images.some(isUnjudged)) unjudged++;
        for (const criterion of Object.keys(voted)) {
          if (votes.get(criterion)?.some(({ kind }) => kind !== "skip") === true) add(voted, criterion, 1);
        }
      }
    },
    addLinked(job: LinkJob, { links, drops }: StoredLinks): void {
      const report = reports.get(job);
      if (report === undefined) return;
      for (const { source } of links) add(report.linked, source, 1);
      for (const { unit, reason, count } of drops) add((report.drops[unit] ??= {}), reason, count);
    },
    addChanged(count: number): void {
      changed += count;
    },
    result({ stopped }: { readonly stopped: boolean }): LinkResult {
      const found = [...reports].map(([{ pairSet, criterion }, report]) => ({ pairSet, criterion, ...report }));
      return { reports: found, groups, pending, unjudged, voted, changed, stopped };
    },
  };
}

function add(counts: Counts, name: string, amount: number): void {
  counts[name] = (counts[name] ?? 0) + amount;
}
