import { describe, expect, it } from "vitest";
import { bestColumns } from "../../../src/page/web/best-columns.ts";

const screen = { width: 1280, height: 640 };
const gaps = { gapPx: 8, captionPx: 32 };
const square = { width: 512, height: 512 };

describe("bestColumns", () => {
  it("puts two squares side by side on a screen, and one above the other on a telephone", () => {
    expect(bestColumns({ count: 2, area: screen, image: square, ...gaps })).toBe(2);
    expect(bestColumns({ count: 2, area: { width: 390, height: 700 }, image: square, ...gaps })).toBe(1);
  });

  it("puts four in a square where they are largest so", () => {
    expect(bestColumns({ count: 4, area: { width: 1000, height: 1000 }, image: square, ...gaps })).toBe(2);
    expect(bestColumns({ count: 4, area: { width: 1000, height: 620 }, image: square, ...gaps }), "not three and one").toBe(2);
    expect(bestColumns({ count: 4, area: { width: 1600, height: 500 }, image: square, ...gaps })).toBe(4);
    expect(bestColumns({ count: 3, area: { width: 700, height: 1000 }, image: { width: 1216, height: 832 }, ...gaps })).toBe(1);
  });

  it("answers something for no room at all", () => {
    expect(bestColumns({ count: 3, area: { width: 0, height: 0 }, image: square, ...gaps })).toBe(3);
  });
});
