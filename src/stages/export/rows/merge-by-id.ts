/** Merges streams that are each in the order of ids into one. Holds one item of each. */
export async function* mergeById<Item extends { readonly id: string }>(streams: readonly AsyncIterator<Item>[]): AsyncGenerator<Item> {
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  try {
    for (;;) {
      let first: { readonly item: Item; readonly index: number } | undefined;
      for (const [index, head] of heads.entries()) {
        if (head.done !== true && (first === undefined || head.value.id < first.item.id)) first = { item: head.value, index };
      }
      if (first === undefined) return;
      yield first.item;
      heads[first.index] = (await streams[first.index]?.next()) ?? { done: true, value: undefined };
    }
  } finally {
    // Whoever stops early leaves no file open.
    for (const stream of streams) await stream.return?.();
  }
}
