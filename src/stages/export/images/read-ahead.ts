export interface AheadLimits<Item> {
  /** Items that may be started and not yet taken. */
  readonly items: number;
  /** What these may weigh together. A single item may be heavier. */
  readonly weight: number;
  readonly weightOf: (item: Item) => number;
}

interface Started<Result> {
  readonly result: Promise<Result>;
  readonly weight: number;
}

/**
 * Maps items to results in their order, and works on several at a time, ahead of their turn. Both number and weight of what is ahead are
 * bounded, so that nothing is fetched long before it is taken.
 */
export async function* mapAhead<Item, Result>(
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
      result.catch(() => undefined); // Its turn reports it.
      started.push({ result, weight });
    }
    for (const { result } of started) yield await result;
  } finally {
    // Who stops early must find nothing running.
    await Promise.allSettled(started.map(({ result }) => result));
  }
}
