import { roundsOf } from "./plan-comparisons.ts";
import type { Order } from "./plan-comparisons.ts";

export interface WantingRules {
  readonly overlap: number;
  /** Votes on its images that a group needs before linking makes a row of it. */
  readonly minVotes: number;
  readonly order: Order;
}

/**
 * How many votes each comparison of a prompt gets: `overlap`, or more where a group would otherwise end with fewer than linking wants, so
 * that all of them had been asked for in vain. Comparisons that share images, directly or by others, are about one group.
 * @param comparisons images of each, sorted: JSON arrays.
 */
export function votesWanted(comparisons: readonly string[], { overlap, minVotes, order }: WantingRules): ReadonlyMap<string, number> {
  if (minVotes <= overlap) return new Map(comparisons.map((images) => [images, overlap]));
  return new Map(
    groupsOf(comparisons).flatMap(({ members, images }) => {
      // Of a tournament only the rounds so far are there.
      const planned = order === "swiss" ? roundsOf(images.size) * Math.floor(images.size / 2) : members.length;
      const each = Math.max(overlap, Math.ceil(minVotes / Math.max(planned, members.length)));
      return members.map((member): [string, number] => [member, each]);
    }),
  );
}

interface Group {
  readonly members: readonly string[];
  readonly images: ReadonlySet<string>;
}

function groupsOf(comparisons: readonly string[]): readonly Group[] {
  let groups: Group[] = [];
  for (const comparison of comparisons) {
    const own = new Set(JSON.parse(comparison) as string[]); // The feed wrote it.
    const met = groups.filter(({ images }) => !images.isDisjointFrom(own));
    const images = met.reduce((all, group) => all.union(group.images), own);
    groups = [
      ...groups.filter((group) => !met.includes(group)),
      { members: [...met.flatMap(({ members }) => members), comparison], images },
    ];
  }
  return groups;
}
