import type { Db } from "../../../db/open.ts";
import { type GroupImageRow, groupQueries } from "../../../db/queries/annotate/groups.ts";
import { scoreQueries } from "../../../db/queries/annotate/scores.ts";
import type { Judge, JudgeImage } from "../../../judges/judge.ts";

/** The work that a judge has left once every stored image is inspected. */
export interface JudgeCost {
  readonly judge: string;
  readonly version: string;
  readonly groups: number;
  /** Images that it would look at. A relative judge looks at all images of a grown group again. */
  readonly images: number;
  /** The least number of requests. A failed one is repeated. */
  readonly requests: number;
  /** Images that this version has scored. */
  readonly scored: number;
  /** Images that other versions of the judge have scored, by version. Their scores are kept. */
  readonly scoredBefore: Readonly<Record<string, number>>;
  /** Null if the judge has no limit of requests. */
  readonly bound: RunBound | null;
}

/** What `max_requests` means for a judge's groups. */
export interface RunBound {
  readonly maxRequests: number;
  /** Runs that the groups take. A group starts only if all its requests fit in the run. */
  readonly runs: number;
  /** Groups that take more requests than a run may have. */
  readonly groupsTooLarge: number;
  /** Requests that the largest group takes. */
  readonly largestGroup: number;
}

/** Estimates what `judge` would ask of each judge. Reads only the database. Groups with open jobs or images to fetch do not count. */
export function estimateJudging(db: Pick<Db, "client">, judges: readonly Judge[]): readonly JudgeCost[] {
  const groups = groupQueries(db);
  const { scoresIn, countByVersion } = scoreQueries(db);
  const open = new Map(judges.map((judge) => [judge.name, createJudgeTally(judge)]));

  for (const range of groups.ranges()) {
    const scored = new Set(scoresIn(range).map(({ imageId, judge, version }) => keyOf(imageId, { name: judge, version })));
    const ended = groups.groupsIn(range).filter(({ hasJobs, hasOpenJobs, images }) => hasJobs && !hasOpenJobs && !images.some(isListed));
    for (const group of ended) {
      const stored = group.images.filter(isJudged);
      for (const judge of judges) {
        const left = stored.filter(({ imageId }) => !scored.has(keyOf(imageId, judge)));
        const tally = open.get(judge.name);
        if (left.length === 0 || tally === undefined) continue;
        tally.add((judge.relative === true ? stored : left).map(({ sizeBytes }) => ({ sizeBytes: sizeBytes ?? 0 })));
      }
    }
  }
  const counts = countByVersion();
  return judges.map(({ name, version }) => {
    const own = counts.filter(({ judge }) => judge === name);
    return {
      judge: name,
      version,
      ...(open.get(name)?.result() ?? { groups: 0, images: 0, requests: 0, bound: null }),
      scored: own.find((count) => count.version === version)?.scores ?? 0,
      scoredBefore: Object.fromEntries(own.filter((count) => count.version !== version).map((count) => [count.version, count.scores])),
    };
  });
}

/** Creates a counter of a judge's groups, which are added in the order of judging. */
function createJudgeTally(judge: Pick<Judge, "requestsFor" | "maxRequests">) {
  const { maxRequests = Infinity } = judge;
  let groups = 0;
  let images = 0;
  let requests = 0;
  let runs = 0;
  /** Requests that the last run could still send. */
  let left = 0;
  let groupsTooLarge = 0;
  let largestGroup = 0;
  return {
    add(group: readonly Pick<JudgeImage, "sizeBytes">[]): void {
      const asked = judge.requestsFor?.(group) ?? 0;
      groups++;
      images += group.length;
      requests += asked;
      largestGroup = Math.max(largestGroup, asked);
      if (asked > maxRequests) {
        groupsTooLarge++;
        return;
      }
      if (asked > left) {
        runs++;
        left = maxRequests;
      }
      left -= asked;
    },
    result(): Pick<JudgeCost, "groups" | "images" | "requests" | "bound"> {
      const isBound = Number.isFinite(maxRequests);
      return { groups, images, requests, bound: isBound ? { maxRequests, runs, groupsTooLarge, largestGroup } : null };
    },
  };
}

function isListed({ state }: GroupImageRow): boolean {
  return state === "listed";
}

/** Returns true if the image is stored and not known to be undecodable. */
function isJudged({ state, inspected, pixelSha256 }: GroupImageRow): boolean {
  return state === "stored" && (inspected === 0 || pixelSha256 !== null);
}

function keyOf(imageId: string, { name, version }: Pick<Judge, "name" | "version">): string {
  return JSON.stringify([imageId, name, version]);
}
