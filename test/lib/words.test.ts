import { expect, it } from "vitest";
import { byteSize, counted } from "../../src/lib/words.ts";

it("says one of one thing and several of all other numbers", () => {
  expect([0, 1, 2].map((count) => counted(count, "image"))).toEqual(["0 images", "1 image", "2 images"]);
  expect([1, 2].map((count) => counted(count, "entry", "entries"))).toEqual(["1 entry", "2 entries"]);
});

it("never says 0.0 of a unit", () => {
  expect([0, 999, 11_000, 2_870_000, 4.2e10].map(byteSize)).toEqual(["0 bytes", "999 bytes", "11.0 KB", "2.9 MB", "42.0 GB"]);
});
