import { expect, it } from "vitest";
import { oneLine } from "../../../src/lib/terminal/printable.ts";

it.each([
  ["short", "short"],
  ["two\n  lines\r\n", "two lines"],
  ["words that are too long", "words that are…"],
  ["ends right here, more", "ends right here,…"],
  ["anendlesswordwithoutspaces", "anendlesswordwit…"],
])("%j is shown as %j", (text, shown) => {
  expect(oneLine(text, 16)).toBe(shown);
});
