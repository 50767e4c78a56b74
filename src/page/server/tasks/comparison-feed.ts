import { setImmediate } from "node:timers/promises";
import type { Context } from "../../../context.ts";
import { type ComparisonQueries, comparisonQueries } from "../../../db/queries/page/comparisons.ts";
import type { RowRange } from "../../../db/queries/annotate/groups.ts";
import { type PageVoteQueries, pageVoteQueries } from "../../../db/queries/page/page-votes.ts";
import { unflushed } from "../../../db/flushing.ts";
import { type FinalGroup, openGroupSources, readGroups } from "../../../stages/annotate/link/read-groups.ts";
import { filterImages, hammingDistance, type UsableImage, splitByVariant } from "../../../stages/annotate/link/filters.ts";
import type { ComparisonRules } from "./comparison-rules.ts";
import { planComparisons } from "./plan-comparisons.ts";
import { settlePrompt, planVotes } from "./settle-prompt.ts";
import { isDatabaseTrouble } from "../../../db/database-error.ts";
import { isAbort, messageOf } from "../../../errors.ts";

/** Prompts read at once, about 10 ms, which is how long a request may wait for it. */
const PAGE_PROMPTS = 50;
/** Opening the page waits this long for the first tasks, ms. */
const FIRST_SCAN_MS = 500;
/** Pause between two scans, ms. After a long scan, SCAN_PAUSE_FACTOR its duration, so that scanning takes 5 % of a core at most. */
const SCAN_EVERY_MS = 30_000;
const SCAN_PAUSE_FACTOR = 20;

export type FeedNeeds = Pick<Context, "config" | "db" | "judges">;

export interface FeedResult {
  /** Prompts that became comparisons. */
  readonly fed: number;
  /** Prompts that still have candidates to run, fetch or inspect. */
  readonly waiting: number;
}

export interface ComparisonFeed {
  /** Feeds every prompt that was not yet fed under these rules. A second call joins the one that runs. */
  scan(stopping: AbortSignal): Promise<FeedResult>;
  /** `FeedResult.waiting` of the last scan. */
  readonly waiting: number;
  /** Increases with every change. Positions in the queue that were remembered before it are invalid. */
  readonly epoch: number;
}

/**
 * Creates the feed that turns prompts with all their images into comparisons, in the order of planning, a page at a time between requests.
 * Reads prompts, jobs, images, inspections, scores, votes. Writes comparisons, page_prompts. Resumes at the prompts without a mark.
 */
export function createComparisonFeed({ config, db, judges }: FeedNeeds, rules: ComparisonRules): ComparisonFeed {
  const comparisons = comparisonQueries(db);
  const pageVotes = pageVoteQueries(db);
  const sources = openGroupSources(db, { config, judges });
  const shownPrompts = config.annotate.people.prompts;
  const feed = { rules: rules.hash, positionEnd: shownPrompts === "all" ? null : shownPrompts };
  let running: Promise<FeedResult> | null = null;
  let waiting = 0;
  let epoch = 0;

  function feedRange(range: RowRange): FeedResult {
    const unfed = comparisons.unfedIn(range, feed);
    const page = readGroups(range, sources);
    const groups = page.final.filter(({ promptKey }) => unfed.has(promptKey));
    if (groups.length > 0) {
      // Not flushed: it can be made again, and a thousand flushes would delay every vote meanwhile.
      unflushed(db, () =>
        comparisons.inTransaction(() => {
          for (const group of groups) feedGroup(group, { comparisons, votes: pageVotes, rules });
        }),
      );
      epoch++;
    }
    return { fed: groups.length, waiting: page.pending };
  }

  async function scanOnce(stopping: AbortSignal): Promise<FeedResult> {
    const total = { fed: 0, waiting: 0 };
    comparisons.inTransaction(() => comparisons.voidOthers(feed));
    let range = comparisons.nextUnfed(0, { ...feed, count: PAGE_PROMPTS });
    while (range !== null && !stopping.aborted) {
      const { fed, waiting: left } = feedRange(range);
      total.fed += fed;
      total.waiting += left;
      await setImmediate(); // Let requests run.
      range = comparisons.nextUnfed(range.last, { ...feed, count: PAGE_PROMPTS });
    }
    waiting = total.waiting;
    return total;
  }

  return {
    scan(stopping) {
      running ??= scanOnce(stopping).finally(() => (running = null));
      return running;
    },
    get waiting() {
      return waiting;
    },
    get epoch() {
      return epoch;
    },
  };
}

interface FeedQueries {
  readonly comparisons: ComparisonQueries;
  readonly votes: PageVoteQueries;
  readonly rules: ComparisonRules;
}

/** Plans the comparisons of a prompt again, voids those that are no longer planned, and counts the votes. */
function feedGroup(group: FinalGroup, { comparisons, votes, rules }: FeedQueries): void {
  const parts = splitByVariant(group.images, rules.across).map((part) => filterImages(part, rules.filters).images);
  const planned = parts.flatMap((images) => planPart(images, rules));
  const usable = new Set(parts.flat().map(({ imageId }) => imageId));
  const before = comparisons.listComparisons(group.promptKey);
  const wantedVotes = planVotes(
    planned.map(({ images }) => images),
    rules,
  );
  const wanted = new Set(rules.criteria.flatMap((criterion) => planned.map(({ images }) => `${criterion} ${images}`)));
  for (const row of before) {
    const isLaterRound = rules.order === "swiss" && row.round > 1 && rules.criteria.includes(row.criterion);
    const isShown = (JSON.parse(row.images) as string[]).every((imageId) => usable.has(imageId)); // Written below.
    const stays = isShown && (isLaterRound || wanted.has(`${row.criterion} ${row.images}`));
    if (!stays && row.state !== "void") comparisons.settle({ ...row, state: "void" });
  }
  for (const [criterionRank, criterion] of rules.criteria.entries()) {
    for (const { images, priority } of planned) {
      const place = { criterionRank, priority, round: 1, answers: 0, wanted: wantedVotes.get(images) ?? rules.overlap };
      comparisons.insert({ promptKey: group.promptKey, criterion, images, state: "open", ...place });
    }
    // A new prompt without votes has nothing to count.
    if (before.length === 0 && !group.votes.has(criterion)) continue;
    settlePrompt({ promptKey: group.promptKey, criterion }, { comparisons, votes, rules });
  }
  comparisons.markFed(group.promptKey, rules.hash);
}

function planPart(
  images: readonly UsableImage[],
  rules: ComparisonRules,
): readonly { readonly images: string; readonly priority: number }[] {
  const lookOf = new Map(images.map(({ imageId, look }) => [imageId, look]));
  const planned = planComparisons(
    images.map(({ imageId, scores }) => ({ imageId, score: rules.judge === null ? null : (scores.get(rules.judge) ?? null) })),
    rules,
  );
  const isNear = ([first = "", second = ""]: readonly string[]): boolean => {
    const [one, other] = [lookOf.get(first)?.perceptualHash, lookOf.get(second)?.perceptualHash];
    return one !== undefined && other !== undefined && hammingDistance(one, other) <= rules.filters.near_duplicate;
  };
  // Linking makes no pair of two near-duplicates, so nobody needs to compare them.
  return planned
    .filter((each) => each.images.length > 2 || rules.filters.near_duplicate === 0 || !isNear(each.images))
    .map((each) => ({ images: JSON.stringify(each.images), priority: each.priority }));
}

export interface FollowedFeed {
  /** Resolves at the first Ctrl-C. Rejects with what ended the feed. */
  untilStopped(): Promise<void>;
  close(): Promise<void>;
}

/** Scans for new images again and again. Resolves once the page may open. */
export async function followFeed(
  feed: ComparisonFeed,
  { clock, log, stopping }: Pick<Context, "clock" | "log" | "stopping">,
): Promise<FollowedFeed> {
  const closing = new AbortController();
  const ending = AbortSignal.any([stopping, closing.signal]);

  async function scanOnce(): Promise<void> {
    try {
      await feed.scan(ending);
    } catch (error) {
      if (!isDatabaseTrouble(error)) throw error;
      // The disk may have room again by then.
      log.warn(`Cannot look for new images: ${messageOf(error)}. Trying again in ${SCAN_EVERY_MS / 1000} s or more`);
    }
  }

  async function follow(): Promise<void> {
    while (!ending.aborted) {
      const startMs = clock.nowMs();
      await scanOnce();
      await clock.sleep(Math.max(SCAN_EVERY_MS, (clock.nowMs() - startMs) * SCAN_PAUSE_FACTOR), ending);
    }
  }

  const following = follow().catch((error: unknown) => {
    if (!ending.aborted || !isAbort(error)) throw error;
  });
  const soon = new AbortController();
  // `untilStopped` reports a scan that fails.
  await Promise.race([feed.scan(ending).catch(() => undefined), clock.sleep(FIRST_SCAN_MS, soon.signal)]);
  soon.abort();
  return {
    untilStopped: () => following,
    async close() {
      closing.abort();
      await following.catch(() => undefined); // untilStopped reported it.
    },
  };
}
