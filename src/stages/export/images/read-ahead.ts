export interface AheadLimits<Item> {
  /** Started and not yet taken, at most. */
  readonly items: number;
  /** What these may weigh together; a single item may be heavier. */
  readonly weight: number;
  readonly weightOf: (item: Item) => number;
}

/**
 * Does the slow part of each item ahead of its turn, several at a time, and gives the results in the items' order. Bounded by number and
 * weight: what is not taken is not fetched.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  { items: itemsMax, weight: weightMax, weightOf }: AheadLimits<Item>,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const started: Started<Result>[] = [];
  const isFull = (next: number): boolean => {
    const ahead = started.reduce((sum, { weight }) => sum + weight, 0);
    return started.length > 0 && (started.length >= itemsMax || ahead + next > weightMax);
  };
  try {
    for await (const item of items) {
      const weight = weightOf(item);
      for (let first = started[0]; first !== undefined && isFull(weight); first = started[0]) {
        yield await first.result;
        started.shift();
      }
      const result = work(item);
      result.catch(() => undefined); // It is reported when its turn comes.
      started.push({ result, weight });
    }
    for (const { result } of started) yield await result;
  } finally {
    // Nothing goes on behind whoever stopped early.
    await Promise.allSettled(started.map(({ result }) => result));
  }
}

interface Started<Result> {
  readonly result: Promise<Result>;
  readonly weight: number;
}
