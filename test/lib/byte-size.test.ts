import { expect, it } from "vitest";
import { byteSize } from "../../src/lib/byte-size.ts";

it("never says 0.0 of a unit", () => {
  expect([0, 999, 11_000, 2_870_000, 4.2e10].map(byteSize)).toEqual(["0 bytes", "999 bytes", "11.0 KB", "2.9 MB", "42.0 GB"]);
});
