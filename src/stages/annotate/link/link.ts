import { setImmediate } from "node:timers/promises";
import type { Context } from "../../../context.ts";
import { inBulk } from "../../../db/flushing.ts";
import { type LinkScope, preferenceQueries, scopeKey, type StoredLinks } from "../../../db/queries/annotate/preferences.ts";
import { ConfigError } from "../../../errors.ts";
import { type GroupPage, type GroupSources, openGroupSources, readGroups } from "./read-groups.ts";
import { type LinkJob, type LinkResult, type LinkTally, openTally } from "./tally.ts";
import { linkGroup, type Linked } from "./pairs.ts";
import { planLinkRules } from "./link-rules.ts";

/** Prompts read in one go, about 15 ms. */
const PAGE_PROMPTS = 100;
/** Groups written in one transaction, about 100 ms, which is what another process's write then waits. */
const CHANGES_MAX = 1_000;
/** As fast as with 32 MB (4,000,000 images: docs/measured.md): of its one index of hashes hardly a page is met again before it is written. */
const CACHE_KIB = 4 * 1024;

export type LinkNeeds = Pick<Context, "config" | "db" | "judges" | "stopping">;

/**
 * Links every final group under every pair set and criterion that has a source, and takes back what no longer follows.
 * Reads prompts, jobs, images, inspections, scores, votes. Writes preferences, preference_rejected, drops: only where they differ.
 * Resumes by doing it all again, which gives the same. Votes and scores are never touched.
 * @throws {ConfigError} if a pair set names a source that is no judge.
 */
export function link(needs: LinkNeeds): Promise<LinkResult> {
  // Beside it, a run commits jobs and images that must not be lost.
  return inBulk(needs.db, () => linkAll(needs), { flushEach: true, cacheKib: CACHE_KIB });
}

async function linkAll({ config, db, judges, stopping }: LinkNeeds): Promise<LinkResult> {
  const sources = openGroupSources(db, { config, judges });
  const preferences = preferenceQueries(db);
  const jobs = linkJobs({ config, judges, votes: sources.votes });
  const sets = [...new Set([...Object.keys(config.annotate.pairs), ...preferences.pairSets()])];
  const tally = openTally(jobs, judges);
  let changes: Change[] = [];
  const write = db.client.transaction(() => {
    for (const { scope, wanted, isNew } of changes) preferences.replace(scope, wanted, { isNew });
    changes = [];
  });

  const inspectionOf = sources.groups.inspectionCursor();
  let range = sources.groups.nextRange(0, PAGE_PROMPTS);
  while (range !== null && !stopping.aborted) {
    const page = readGroups(range, sources, inspectionOf);
    tally.addPage(page);
    changes.push(...changesTo(preferences.storedIn(range, sets), { page, jobs, tally }));
    if (changes.length >= CHANGES_MAX) write.immediate();
    await setImmediate(); // Signals, sockets and the annotation page get their turn.
    range = sources.groups.nextRange(range.last, PAGE_PROMPTS);
  }
  if (changes.length > 0) write.immediate();
  return tally.result({ stopped: range !== null });
}

interface Change {
  readonly scope: LinkScope;
  readonly wanted: StoredLinks;
  /** Nothing is there to be replaced. */
  readonly isNew: boolean;
}

interface LinkPage {
  readonly page: GroupPage;
  readonly jobs: readonly LinkJob[];
  readonly tally: LinkTally;
}

function changesTo(stored: ReadonlyMap<string, LinkScope & StoredLinks>, { page, jobs, tally }: LinkPage): Change[] {
  const stale = new Map(stored);
  const changes: Change[] = [];
  for (const { promptKey, images, votes } of page.final) {
    for (const job of jobs) {
      const { pairSet, criterion, rules } = job;
      const wanted = storedForm(linkGroup({ promptKey, criterion, images, votes: votes.get(criterion) ?? [] }, rules));
      const scope = { pairSet, promptKey, criterion };
      const before = stored.get(scopeKey(scope));
      if (!isSame(before, wanted)) changes.push({ scope, wanted, isNew: before === undefined });
      stale.delete(scopeKey(scope));
      tally.addLinked(job, wanted);
    }
  }
  // Of groups that can change again, and of pair sets, criteria and prompts that the configuration no longer has.
  for (const scope of stale.values()) changes.push({ scope, wanted: { links: [], drops: [] }, isNew: false });
  tally.addChanged(changes.length);
  return changes;
}

type LinkJobNeeds = Pick<LinkNeeds, "config" | "judges"> & { readonly votes: GroupSources["votes"] };

function linkJobs({ config: { annotate }, judges, votes }: LinkJobNeeds): LinkJob[] {
  const { pairs, criteria } = annotate;
  const known = ["people", "combined", ...judges.map(({ name }) => name)];
  return Object.entries(pairs).flatMap(([pairSet, policy]) => {
    const unknown = policy.from.find((source) => !known.includes(source));
    if (unknown !== undefined) {
      throw new ConfigError(`Cannot link the pair set ${pairSet}: its source ${unknown} is no judge`, {
        hint: `annotate.pairs.from knows ${known.join(", ")}`,
      });
    }
    return criteria.flatMap((criterion): LinkJob[] => {
      const rules = planLinkRules({ annotate, policy, judges, criterion, anyVote: votes.anyVoteUnder(criterion) });
      // Where nobody can decide, nothing is missing that drops should count.
      return rules.sources.length === 0 ? [] : [{ pairSet, criterion, rules }];
    });
  });
}

/** As the database gives it back: in its order, without what the types say. */
function storedForm({ links, drops }: Linked): StoredLinks {
  return { links: links.toSorted((first, second) => (first.rowId < second.rowId ? -1 : 1)), drops };
}

function isSame(before: StoredLinks | undefined, wanted: StoredLinks): boolean {
  const { links, drops } = before ?? { links: [], drops: [] };
  return JSON.stringify([links, drops]) === JSON.stringify([wanted.links, wanted.drops]);
}
