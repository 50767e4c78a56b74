import type { Readable } from "node:stream";
import PQueue from "p-queue";

export interface SlotLimits {
  /** Streams open at once, for everybody together. */
  readonly all: number;
  /** Streams open at once for one person, so that a slow reader delays only their own images. */
  readonly perPerson: number;
}

export interface WithStream {
  readonly stream: Readable;
}

/** Limits how many streams are open at once. */
export interface ImageSlots {
  /** Calls `open` once a slot is free. The slot stays taken until the stream closes, read to its end or not. */
  take<T extends WithStream>(person: number, open: () => Promise<T>): Promise<T>;
}

/** Creates slots with limits for everybody and for each person. */
export function createImageSlots({ all, perPerson }: SlotLimits): ImageSlots {
  const everybody = new PQueue({ concurrency: all });
  /** Queues of the people who have a stream open or waiting. */
  const people = new Map<number, PQueue>();

  function queueOf(person: number): PQueue {
    const queue = people.get(person) ?? new PQueue({ concurrency: perPerson });
    people.set(person, queue);
    return queue;
  }

  return {
    take<T extends WithStream>(person: number, open: () => Promise<T>): Promise<T> {
      const opened = Promise.withResolvers<T>();
      const queue = queueOf(person);
      const openAndHold = async (): Promise<void> => {
        try {
          const one = await open();
          const closed = new Promise<void>((resolve) => one.stream.once("close", resolve));
          opened.resolve(one);
          if (!one.stream.closed) await closed;
        } catch (error) {
          opened.reject(error); // The caller gets every error.
        }
      };
      void queue
        .add(() => everybody.add(openAndHold))
        .finally(() => {
          if (queue.size + queue.pending === 0 && people.get(person) === queue) people.delete(person);
        });
      return opened.promise;
    },
  };
}
