import { describe, expect, it } from "vitest";
import { chooseBackOffMs } from "../../../src/page/web/ask-server.ts";

describe("chooseBackOffMs", () => {
  it("doubles, to at most 10 s", () => {
    expect([1, 2, 3, 4, 5, 6, 60].map((failures) => chooseBackOffMs(failures, () => 1))).toEqual([
      500, 1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
  });

  it("is random within the upper half", () => {
    expect(chooseBackOffMs(3, () => 0)).toBe(1000);
  });
});
