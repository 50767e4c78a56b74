import type { Readable } from "node:stream";
import PQueue from "p-queue";

export interface SlotLimits {
  /** At once, in all. */
  readonly all: number;
  /** At once, of one person: somebody who reads slowly keeps only others of their own waiting. */
  readonly perPerson: number;
}

export interface WithStream {
  readonly stream: Readable;
}

/** Slots for what is sent piece by piece. */
export interface ImageSlots {
  /** Opens something once there is room. Its slot is taken until the stream is closed, read to its end or not. */
  take<T extends WithStream>(person: number, open: () => Promise<T>): Promise<T>;
}

export function createImageSlots({ all, perPerson }: SlotLimits): ImageSlots {
  const everybody = new PQueue({ concurrency: all });
  /** Only of those who are at it. */
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
      const held = async (): Promise<void> => {
        try {
          const one = await open();
          const closed = new Promise<void>((resolve) => one.stream.once("close", resolve));
          opened.resolve(one);
          if (!one.stream.closed) await closed;
        } catch (error) {
          opened.reject(error); // Whatever it is, it goes to who asked.
        }
      };
      void queue
        .add(() => everybody.add(held))
        .finally(() => {
          if (queue.size + queue.pending === 0 && people.get(person) === queue) people.delete(person);
        });
      return opened.promise;
    },
  };
}
