import { MIB } from "../../../lib/units.ts";

/**
 * Images up to this length are verified and sent from one buffer: that costs half the time of streams, and at 16 transfers no more than
 * 64 MiB. A PNG of 1024×1024 has some 1.5 MB.
 */
export const HELD_MAX_BYTES = 4 * MIB;

export interface HeldBuffers {
  /** A buffer of that length, at most HELD_MAX_BYTES, with whatever was in it. */
  take(sizeBytes: number): Buffer;
  /** Nothing reads or writes it any more. One that is not given back is only garbage. */
  giveBack(buffer: Buffer): void;
}

/** Buffers used again and again: a night's worth of new ones keeps the garbage collector busy for a seventh of the time. */
export function heldBuffers(): HeldBuffers {
  const free: ArrayBuffer[] = [];
  return {
    take(sizeBytes) {
      // Pages that no image reaches take no memory.
      const whole = free.pop() ?? new ArrayBuffer(HELD_MAX_BYTES);
      return Buffer.from(whole, 0, sizeBytes);
    },
    giveBack({ buffer }) {
      if (buffer instanceof ArrayBuffer && buffer.byteLength === HELD_MAX_BYTES) free.push(buffer);
    },
  };
}
