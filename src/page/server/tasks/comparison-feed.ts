import { setImmediate } from "node:timers/promises";
import type { Context } from "../../../context.ts";
import { comparisonQueries } from "../../../db/queries/page/comparisons.ts";
import { groupQueries, type RowRange } from "../../../db/queries/annotate/groups.ts";
import { pageVoteQueries } from "../../../db/queries/page/page-votes.ts";
import { scoreQueries } from "../../../db/queries/annotate/scores.ts";
import { voteQueries } from "../../../db/queries/annotate/votes.ts";
import { unflushed } from "../../../db/flushing.ts";
import { type FinalGroup, type GroupSources, readGroups } from "../../../stages/annotate/link/read-groups.ts";
import { filterImages, hammingDistance, type UsableImage, partsOf } from "../../../stages/annotate/link/filters.ts";
import type { ComparisonRules } from "./comparison-rules.ts";
import { planComparisons } from "./plan-comparisons.ts";
import { settlePrompt, planVotes } from "./settle-prompt.ts";
import { keptDefaults } from "../../../db/queries/overview/dataset.ts";
import { flagRuleOf } from "../../../stages/annotate/link/flag-rule.ts";
import { isDatabaseTrouble } from "../../../db/is-database-trouble.ts";
import { isAbort, messageOf } from "../../../errors.ts";

/** Rows of prompts read in one go, about 10 ms, which is what an answer to a browser then waits. */
const PAGE_PROMPTS = 50;

export type FeedNeeds = Pick<Context, "config" | "db" | "judges">;

export interface FeedResult {
  /** Prompts that were looked at and are final. */
  readonly fed: number;
  /** Prompts with candidates still to run, fetch or inspect. */
  readonly waiting: number;
}

export interface ComparisonFeed {
  /** Looks at every prompt that was not looked at under these rules. A second call while one runs joins it. */
  scan(stopping: AbortSignal): Promise<FeedResult>;
  /** Of the last look. */
  readonly waiting: number;
  /** Rises with every change that it made: places in the queue that were remembered before are worth nothing. */
  readonly epoch: number;
}

/**
 * Turns prompts whose images are all there into comparisons, in the order of planning, a page at a time between other work.
 * Reads prompts, jobs, images, inspections, scores, votes. Writes comparisons, page_prompts. Resumes by the prompts without a mark.
 */
export function createComparisonFeed({ config, db, judges }: FeedNeeds, rules: ComparisonRules): ComparisonFeed {
  const comparisons = comparisonQueries(db);
  const pageVotes = pageVoteQueries(db);
  const sources: GroupSources = {
    groups: groupQueries(db),
    scores: scoreQueries(db),
    votes: voteQueries(db),
    judges,
    flags: flagRuleOf(config.annotate.filters, keptDefaults(db)),
  };
  const shownPrompts = config.annotate.people.prompts;
  const feed = { rules: rules.hash, positionEnd: shownPrompts === "all" ? null : shownPrompts };
  let running: Promise<FeedResult> | null = null;
  let waiting = 0;
  let epoch = 0;

  function feedGroup(group: FinalGroup): void {
    const parts = partsOf(group.images, rules.across).map((part) => filterImages(part, rules.filters).images);
    const planned = parts.flatMap((images) => planPart(images, rules));
    const usable = new Set(parts.flat().map(({ imageId }) => imageId));
    const before = comparisons.listComparisons(group.promptKey);
    const votes = planVotes(
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
        const place = { criterionRank, priority, round: 1, answers: 0, wanted: votes.get(images) ?? rules.overlap };
        comparisons.insert({ promptKey: group.promptKey, criterion, images, state: "open", ...place });
      }
      // Of a new prompt nobody has said anything: there is nothing to count.
      if (before.length === 0 && !group.votes.has(criterion)) continue;
      settlePrompt({ promptKey: group.promptKey, criterion }, { comparisons, votes: pageVotes, rules });
    }
    comparisons.markFed(group.promptKey, rules.hash);
  }

  function feedRange(range: RowRange): FeedResult {
    const unfed = comparisons.unfedIn(range, feed);
    const page = readGroups(range, sources);
    const groups = page.final.filter(({ promptKey }) => unfed.has(promptKey));
    if (groups.length > 0) {
      // It is made again from what is there, and a thousand flushes would keep everybody waiting who votes meanwhile.
      unflushed(db, () =>
        comparisons.together(() => {
          for (const group of groups) feedGroup(group);
        }),
      );
      epoch++;
    }
    return { fed: groups.length, waiting: page.pending };
  }

  async function scanOnce(stopping: AbortSignal): Promise<FeedResult> {
    const total = { fed: 0, waiting: 0 };
    comparisons.together(() => comparisons.voidOthers(feed));
    let range = comparisons.nextUnfed(0, { ...feed, count: PAGE_PROMPTS });
    while (range !== null && !stopping.aborted) {
      const { fed, waiting: left } = feedRange(range);
      total.fed += fed;
      total.waiting += left;
      await setImmediate(); // Requests get their turn.
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
  // Linking makes no pair of two that look the same: nobody needs to choose between them.
  return planned
    .filter((each) => each.images.length > 2 || rules.filters.near_duplicate === 0 || !isNear(each.images))
    .map((each) => ({ images: JSON.stringify(each.images), priority: each.priority }));
}

/** The page does not open before there is something on it, but waits no longer than this, ms. */
const FIRST_LOOK_MS = 500;
/** New images are looked for so often, ms; where looking takes long, so many times as long: 5 % of a core at most. */
const LOOK_EVERY_MS = 30_000;
const LOOK_TIMES = 20;

export interface FollowedFeed {
  /** Returns at the first Ctrl-C; throws what ended the feed. */
  untilStopped(): Promise<void>;
  close(): Promise<void>;
}

/** Looks for new images again and again, beside whatever makes them. Resolves once the page may open. */
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
      log.warn(`Cannot look for new images now: ${messageOf(error)}. Trying again`); // The disk may have room again by then.
    }
  }

  async function follow(): Promise<void> {
    while (!ending.aborted) {
      const startMs = clock.nowMs();
      await scanOnce();
      await clock.sleep(Math.max(LOOK_EVERY_MS, (clock.nowMs() - startMs) * LOOK_TIMES), ending);
    }
  }

  const following = follow().catch((error: unknown) => {
    if (!ending.aborted || !isAbort(error)) throw error;
  });
  const soon = new AbortController();
  // A look that fails ends the command once it is asked how it stands.
  await Promise.race([feed.scan(ending).catch(() => undefined), clock.sleep(FIRST_LOOK_MS, soon.signal)]);
  soon.abort();
  return {
    untilStopped: () => following,
    async close() {
      closing.abort();
      await following.catch(() => undefined); // untilStopped has told it.
    },
  };
}
