import { setImmediate } from "node:timers/promises";
import type { Context } from "../../../context.ts";
import { inBulk } from "../../../db/flushing.ts";
import { type LinkScope, preferenceQueries, scopeKey, type StoredLinks } from "../../../db/queries/annotate/preferences.ts";
import { ConfigError } from "../../../errors.ts";
import { type GroupPage, type GroupSources, openGroupSources, readGroups } from "./read-groups.ts";
import { type LinkJob, type LinkResult, type LinkTally, openTally } from "./tally.ts";
import { linkGroup, type Linked } from "./pairs.ts";
import { planLinkRules } from "./link-rules.ts";

/** Groups written in one transaction. It takes about 100 ms, for which other processes wait with their writes. */
const CHANGES_MAX = 1_000;
/** SQLite page cache. 32 MB is no faster (4,000,000 images: docs/measured.md), because pages of the index of hashes are rarely used again. */
const CACHE_KIB = 4 * 1024;

export type LinkNeeds = Pick<Context, "config" | "db" | "judges" | "stopping">;

/**
 * Links every final group under every pair set and criterion that has a source, and removes rows that no longer follow.
 * Reads prompts, jobs, images, inspections, scores, votes. Writes preferences, preference_rejected, drops, but only what differs.
 * Resumes by linking everything again, which gives the same rows. Never changes votes or scores.
 * @throws {ConfigError} if a pair set names a source that is no judge.
 */
export function link(needs: LinkNeeds): Promise<LinkResult> {
  // A run commits jobs and images at the same time, and those must not be lost.
  return inBulk(needs.db, () => linkAll(needs), { flushEach: true, cacheKib: CACHE_KIB });
}

async function linkAll({ config, db, judges, stopping }: LinkNeeds): Promise<LinkResult> {
  const sources = openGroupSources(db, { config, judges });
  const preferences = preferenceQueries(db);
  const jobs = planLinkJobs({ config, judges, votes: sources.votes });
  const sets = [...new Set([...Object.keys(config.annotate.pairs), ...preferences.pairSets()])];
  const tally = openTally(jobs, judges);
  let changes: Change[] = [];
  const write = db.client.transaction(() => {
    for (const { scope, wanted, isNew } of changes) preferences.replace(scope, wanted, { isNew });
    changes = [];
  });

  const inspectionOf = sources.groups.inspectionCursor();
  let stopped = false;
  for (const range of sources.groups.ranges()) {
    if (stopping.aborted) {
      stopped = true;
      break;
    }
    const page = readGroups(range, sources, inspectionOf);
    tally.addPage(page);
    changes.push(...findChanges(preferences.storedIn(range, sets), { page, jobs, tally }));
    if (changes.length >= CHANGES_MAX) write.immediate();
    await setImmediate(); // Lets signals, sockets and the annotation page be handled.
  }
  if (changes.length > 0) write.immediate();
  return tally.result({ stopped });
}

interface Change {
  readonly scope: LinkScope;
  readonly wanted: StoredLinks;
  /** True if there is nothing to replace. */
  readonly isNew: boolean;
}

interface LinkPage {
  readonly page: GroupPage;
  readonly jobs: readonly LinkJob[];
  readonly tally: LinkTally;
}

/** Compares the wanted rows of a page with the stored ones. Returns the changes. */
function findChanges(stored: ReadonlyMap<string, LinkScope & StoredLinks>, { page, jobs, tally }: LinkPage): Change[] {
  const stale = new Map(stored);
  const changes: Change[] = [];
  for (const { promptKey, images, votes } of page.final) {
    for (const job of jobs) {
      const { pairSet, criterion, rules } = job;
      const wanted = toStoredForm(linkGroup({ promptKey, criterion, images, votes: votes.get(criterion) ?? [] }, rules));
      const scope = { pairSet, promptKey, criterion };
      const before = stored.get(scopeKey(scope));
      if (!isSame(before, wanted)) changes.push({ scope, wanted, isNew: before === undefined });
      stale.delete(scopeKey(scope));
      tally.addLinked(job, wanted);
    }
  }
  // What is left belongs to groups that can change again, or to pair sets, criteria and prompts that the configuration no longer has.
  for (const scope of stale.values()) changes.push({ scope, wanted: { links: [], drops: [] }, isNew: false });
  tally.addChanged(changes.length);
  return changes;
}

type LinkJobNeeds = Pick<LinkNeeds, "config" | "judges"> & { readonly votes: GroupSources["votes"] };

/** Lists the pair sets and criteria to link. @throws {ConfigError} */
function planLinkJobs({ config: { annotate }, judges, votes }: LinkJobNeeds): LinkJob[] {
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
      // Without a source nothing could be linked, so there are no drops to count.
      return rules.sources.length === 0 ? [] : [{ pairSet, criterion, rules }];
    });
  });
}

/** Returns rows and drops in the order in which the database returns them. */
function toStoredForm({ links, drops }: Linked): StoredLinks {
  return { links: links.toSorted((first, second) => (first.rowId < second.rowId ? -1 : 1)), drops };
}

function isSame(before: StoredLinks | undefined, wanted: StoredLinks): boolean {
  const { links, drops } = before ?? { links: [], drops: [] };
  return JSON.stringify([links, drops]) === JSON.stringify([wanted.links, wanted.drops]);
}
