import { describe, expect, test } from "vitest";
import { imageMemory } from "../../../../src/stages/export/images/image-memory.ts";

const PAGE_BYTES = 4096;

describe("imageMemory()", () => {
  test("gives memory again that was given back, the lowest first", () => {
    const memory = imageMemory(4 * PAGE_BYTES);
    const [first, second, third] = [memory.take(PAGE_BYTES), memory.take(10), memory.take(PAGE_BYTES + 1)];
    expect([first, second, third].map(({ bytes }) => bytes.length)).toEqual([PAGE_BYTES, 10, PAGE_BYTES + 1]);
    expect(new Set([first, second, third].map(({ bytes }) => bytes.buffer)).size).toBe(1);
    second.giveBack();
    first.giveBack();
    const again = memory.take(2 * PAGE_BYTES);
    expect(again.bytes.buffer).toBe(third.bytes.buffer);
    expect(again.bytes.byteOffset).toBe(0);
  });

  test("takes back what is given back twice only once", () => {
    const memory = imageMemory(2 * PAGE_BYTES);
    const first = memory.take(1);
    first.giveBack();
    const second = memory.take(1);
    first.giveBack();
    expect(memory.take(1).bytes.byteOffset).not.toBe(second.bytes.byteOffset);
  });

  test("never gives memory to two at once, and has all of it again in the end", () => {
    const memory = imageMemory(64 * PAGE_BYTES);
    const held: { readonly mark: number; readonly taken: ReturnType<typeof memory.take> }[] = [];
    let overwritten = 0;
    let state = 7;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 2_000; round++) {
      if (held.length > 0 && random(2) === 0) {
        const [{ mark, taken } = { mark: 0, taken: memory.take(0) }] = held.splice(random(held.length), 1);
        if (!taken.bytes.every((byte) => byte === mark)) overwritten++;
        taken.giveBack();
      } else {
        const mark = round % 256;
        const taken = memory.take(random(8 * PAGE_BYTES));
        taken.bytes.fill(mark);
        held.push({ mark, taken });
      }
    }
    for (const { taken } of held) taken.giveBack();
    expect(overwritten).toBe(0);
    const [whole, own] = [memory.take(64 * PAGE_BYTES), memory.take(1)];
    expect(whole.bytes.byteOffset).toBe(0);
    expect(own.bytes.buffer).not.toBe(whole.bytes.buffer);
  });

  test("gives memory of its own to what finds none, and frees that at once", () => {
    const memory = imageMemory(PAGE_BYTES);
    const { bytes, giveBack } = memory.take(PAGE_BYTES + 1);
    expect(bytes.length).toBe(PAGE_BYTES + 1);
    giveBack();
    expect(bytes.length).toBe(0);
  });
});
