import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differenceHash, measurePixels, type Pixels } from "../../src/images/measure.ts";

/** An image from a function of place to grey or [r, g, b, a]. */
function pixels(
  widthPx: number,
  heightPx: number,
  at: (x: number, y: number) => number | readonly [number, number, number, number],
): Pixels {
  const data = new Uint8Array(widthPx * heightPx * 4);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const value = at(x, y);
      data.set(typeof value === "number" ? [value, value, value, 255] : value, (y * widthPx + x) * 4);
    }
  }
  return { data, channels: 4, widthPx, heightPx };
}

describe("measurePixels()", () => {
  it("finds nothing in an image of one colour", () => {
    expect(measurePixels(pixels(20, 10, () => 200))).toEqual({ lumaStd: 0, sharpness: 0, entropy: 0 });
  });

  it("measures a chessboard at its extremes", () => {
    const measures = measurePixels(pixels(16, 16, (x, y) => ((x + y) % 2) * 255));
    expect(measures).toEqual({ lumaStd: 127.5, sharpness: 1020, entropy: 1 });
  });

  it("has 8 bits of entropy where every luma is as frequent as any other", () => {
    expect(measurePixels(pixels(256, 4, (x) => x)).entropy).toBeCloseTo(8, 10);
  });

  it("weighs colours as Rec. 709 does", () => {
    const halves = (left: readonly [number, number, number, number]) =>
      measurePixels(pixels(2, 4, (x) => (x === 0 ? left : 0))).lumaStd * 2;
    expect(halves([255, 0, 0, 255])).toBe(Math.round(0.2126 * 255));
    expect(halves([0, 255, 0, 255])).toBe(Math.round(0.7152 * 255));
    expect(halves([0, 0, 255, 255])).toBe(Math.round(0.0722 * 255));
  });

  it("sees black and white subjects on transparency, and nothing in a wholly transparent image", () => {
    const subject = (grey: number) => pixels(8, 8, (x) => [grey, grey, grey, x < 4 ? 255 : 0]);
    expect(measurePixels(subject(0)).lumaStd).toBe(64);
    expect(measurePixels(subject(255)).lumaStd).toBe(63.5);
    expect(measurePixels(pixels(8, 8, (x) => [x * 30, 0, 0, 0])).lumaStd).toBe(0);
  });

  it("reads tall images by evenly spaced rows, with nearly the result of all rows", () => {
    const wave = (x: number, y: number): number => Math.round(128 + 60 * Math.sin(x / 3) + 40 * Math.cos(y / 40));
    // The same image in strips that are read row by row.
    const strips = Array.from({ length: 32 }, (_, strip) => measurePixels(pixels(64, 32, (x, y) => wave(x, strip * 32 + y))));
    const tall = measurePixels(pixels(64, 1024, wave));
    const mean = strips.reduce((sum, { sharpness }) => sum + sharpness, 0) / strips.length;
    expect(Math.abs(tall.sharpness / mean - 1)).toBeLessThan(0.02);
  });

  it("takes the smallest images", () => {
    expect(measurePixels(pixels(1, 1, () => 9))).toEqual({ lumaStd: 0, sharpness: 0, entropy: 0 });
  });
});

describe("differenceHash()", () => {
  it("sets a bit where it gets lighter to the right", () => {
    expect(differenceHash(pixels(90, 80, (x) => x))).toBe("ffffffffffffffff");
    expect(differenceHash(pixels(90, 80, (x) => 255 - x))).toBe("0000000000000000");
    // Lighter to the right in the upper half only: its four rows come first.
    expect(differenceHash(pixels(90, 80, (x, y) => (y < 40 ? x : 100)))).toBe("ffffffff00000000");
  });

  it("is 16 hex digits for any size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.integer(), (width, height, salt) => {
        expect(differenceHash(pixels(width, height, (x, y) => Math.abs((x * 31 + y * 17 + salt) % 256)))).toMatch(/^[0-9a-f]{16}$/);
      }),
      { numRuns: 50 },
    );
  });

  it("survives a change of brightness", () => {
    const wave = (x: number, y: number): number => Math.round(100 + 50 * Math.sin(x / 9) * Math.cos(y / 7));
    expect(differenceHash(pixels(90, 80, wave))).toBe(differenceHash(pixels(90, 80, (x, y) => wave(x, y) + 20)));
  });
});
