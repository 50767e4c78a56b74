import { expect, test } from "vitest";
import { HELD_MAX_BYTES, heldBuffers } from "../../../../src/stages/harvest/transfer/held-buffers.ts";

test("a buffer has the length that was asked for, and is used again once it was given back", () => {
  const buffers = heldBuffers();
  const [first, second] = [buffers.take(1_000), buffers.take(HELD_MAX_BYTES)];
  expect([first.length, second.length]).toEqual([1_000, HELD_MAX_BYTES]);
  expect(first.buffer).not.toBe(second.buffer);
  buffers.giveBack(first);
  const third = buffers.take(2_000);
  expect([third.length, third.buffer]).toEqual([2_000, first.buffer]);
  expect(buffers.take(1).buffer).not.toBe(first.buffer);
});
