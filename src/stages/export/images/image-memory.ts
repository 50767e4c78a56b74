import { freeMemory } from "../../../lib/free-memory.ts";
import { MIB } from "../../../lib/units.ts";

/** Room for the images ahead of their turn, one row group, and gaps between them. Pages that no image reaches take no memory. */
const ARENA_BYTES = 128 * MIB;
/** Size of a memory page. The system copies whole pages fastest. */
const ALIGN_BYTES = 4096;

export interface HeldMemory {
  /** Not zeroed. */
  readonly bytes: Buffer;
  /** Returns the memory, once nothing reads or writes it any more. Memory that is not given back stays taken. */
  readonly giveBack: () => void;
}

export interface ImageMemory {
  take(sizeBytes: number): HeldMemory;
}

interface Gap {
  from: number;
  to: number;
}

/**
 * Creates one block of memory for the images of an export, which is used again and again. With memory of its own for each image, the
 * garbage collector takes a third of the time of an export. The first gap that is large enough is taken: pages that were touched before are
 * touched again, so that the block stays small. An image that fits in no gap gets memory of its own.
 */
export function imageMemory(arenaBytes = ARENA_BYTES): ImageMemory {
  const gaps: Gap[] = [{ from: 0, to: arenaBytes }];
  let arena: ArrayBuffer | null = null;

  const give = (from: number, to: number): void => {
    const next = gaps.findIndex((gap) => gap.from > from);
    const at = next === -1 ? gaps.length : next;
    const [before, after] = [gaps[at - 1], gaps[at]];
    const [joinsBefore, joinsAfter] = [before?.to === from, after?.from === to];
    if (before !== undefined && joinsBefore) before.to = joinsAfter && after !== undefined ? after.to : to;
    else if (after !== undefined && joinsAfter) after.from = from;
    else gaps.splice(at, 0, { from, to });
    if (joinsBefore && joinsAfter) gaps.splice(at, 1);
  };

  return {
    take(sizeBytes) {
      const wholeBytes = Math.max(1, Math.ceil(sizeBytes / ALIGN_BYTES)) * ALIGN_BYTES;
      const at = gaps.findIndex(({ from, to }) => to - from >= wholeBytes);
      const gap = gaps[at];
      if (gap === undefined) return ownMemory(sizeBytes);
      const { from } = gap;
      gap.from += wholeBytes;
      if (gap.from === gap.to) gaps.splice(at, 1);
      arena ??= new ArrayBuffer(arenaBytes);
      let isTaken = true;
      return {
        bytes: Buffer.from(arena, from, sizeBytes),
        giveBack() {
          if (isTaken) give(from, from + wholeBytes);
          isTaken = false;
        },
      };
    },
  };
}

function ownMemory(sizeBytes: number): HeldMemory {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  return { bytes, giveBack: () => freeMemory(bytes) };
}
