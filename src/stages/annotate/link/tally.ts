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

/** The result of linking one pair set under one criterion. */
export interface LinkReport {
  readonly pairSet: string;
  readonly criterion: string;
  /** Training rows by source: `people`, `judge:<name>`, `combined`. */
  readonly linked: Readonly<Counts>;
  /** Number of drops by unit (image, pair, prompt), then reason. */
  readonly drops: Readonly<Record<string, Readonly<Counts>>>;
}

export interface LinkResult {
  readonly reports: readonly LinkReport[];
  /** Number of prompts whose candidates are all final. */
  readonly groups: number;
  /** Number of prompts with candidates that are still to be run, fetched or inspected. They have no rows yet. */
  readonly pending: number;
  /** Number of final prompts with an image that a configured judge has not scored. Its scores may change their rows. */
  readonly unjudged: number;
  /** Number of groups with a vote, by criterion. Skips do not count. */
  readonly voted: Readonly<Counts>;
  /** Number of combinations of pair set, prompt and criterion whose rows or drops changed. */
  readonly changed: number;
  /** True if it stopped early. The rest is as an earlier run left it. */
  readonly stopped: boolean;
}

export type LinkTally = ReturnType<typeof openTally>;

/** Creates the counters of a linking run. */
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
