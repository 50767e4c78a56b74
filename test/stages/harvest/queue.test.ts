import { describe, expect, it } from "vitest";
import type { ListedImageRow } from "../../../src/db/queries/images/images.ts";
import { harvestQueue } from "../../../src/stages/harvest/queue.ts";

const row = (imageId: string): ListedImageRow => ({ imageId, server: "a", badFetches: 0 }) as ListedImageRow; // What the queue looks at.

function open() {
  let nowMs = 0;
  const rows = ["i1", "i2"].map(row);
  const images = { listedAt: () => rows, serversWithListed: () => ["a"], isListed: () => true };
  const queue = harvestQueue({ images, clock: { nowMs: () => nowMs }, isKnown: () => true });
  return { queue, wait: (ms: number) => (nowMs += ms) };
}

describe("harvestQueue()", () => {
  // claim() finds nothing while the pause lasts; where it ends before the question what comes next, the answer must not be: nothing.
  it.each(["storeFailed", "serverFailed"] as const)("has work left when a pause ends between two looks (%s)", (failed) => {
    const { queue, wait } = open();
    const [first] = queue.claim(1);
    queue.release(first!);
    if (failed === "storeFailed") queue.storeFailed(undefined);
    else queue.serverFailed("a", undefined);
    queue.claim(1).forEach((item) => queue.release(item));
    wait(60_000);
    expect(queue.nextDueMs()).not.toBeNull();
    expect(queue.claim(1)).toHaveLength(1);
  });
});
