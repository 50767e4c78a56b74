import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fitScale,
  panBy,
  place,
  placeUnder,
  toggleZoom,
  zoomAt,
  type Frame,
  type Point,
  type Zoom,
  chooseColumns,
} from "../../../src/page/web/geometry.ts";

const side = fc.integer({ min: 16, max: 4096 });
const size = fc.record({ width: side, height: side });
const frame: fc.Arbitrary<Frame> = fc.record({ cell: size, image: size });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const movement: fc.Arbitrary<Point> = fc.record({
  x: fc.double({ min: -5000, max: 5000, noNaN: true }),
  y: fc.double({ min: -5000, max: 5000, noNaN: true }),
});
const factor = fc.double({ min: 0.1, max: 10, noNaN: true });

/** Returns how far an image is from its allowed position: centred if smaller than the cell, else covering it. */
function strayPx(startPx: number, cellPx: number, drawnPx: number): number {
  if (drawnPx <= cellPx) return Math.abs(startPx - (cellPx - drawnPx) / 2);
  return Math.max(0, startPx, cellPx - drawnPx - startPx);
}

describe("zoom", () => {
  it("fits the whole image into the middle of its cell", () => {
    expect(place("fit", { cell: { width: 400, height: 300 }, image: { width: 200, height: 300 } })).toEqual({
      scale: 1,
      left: 100,
      top: 0,
    });
  });

  it("shows one px of the image on one px of the screen, and returns to fit", () => {
    const large: Frame = { cell: { width: 500, height: 500 }, image: { width: 2000, height: 2000 } };
    const zoomed = toggleZoom("fit", large, 2);
    expect(zoomed).toEqual({ scale: 0.5, centre: { x: 0.5, y: 0.5 } });
    expect(toggleZoom(zoomed, large, 2)).toBe("fit");
  });

  it("never shows less when asked to zoom", () => {
    fc.assert(
      fc.property(frame, fc.constantFrom(1, 1.5, 2, 3), (each, pixelRatio) => {
        const zoomed = toggleZoom("fit", each, pixelRatio);
        expect(place(zoomed, each).scale).toBeGreaterThanOrEqual(Math.min(fitScale(each), 8));
      }),
    );
  });

  it("keeps a zoomed image over its cell, wherever it is moved and zoomed", () => {
    fc.assert(
      fc.property(frame, fc.array(fc.oneof(movement, factor), { maxLength: 12 }), (each, steps) => {
        let zoom: Zoom = toggleZoom("fit", each, 1);
        for (const step of steps) zoom = typeof step === "number" ? zoomAt(zoom, each, step, { x: 3, y: 5 }) : panBy(zoom, each, step);
        const { left, top, scale } = place(zoom, each);
        const { cell, image } = each;
        expect(strayPx(left, cell.width, image.width * scale)).toBeLessThan(0.01);
        expect(strayPx(top, cell.height, image.height * scale)).toBeLessThan(0.01);
      }),
    );
  });

  it("keeps the place under the pointer, as far as the image's edges allow", () => {
    const each: Frame = { cell: { width: 400, height: 400 }, image: { width: 1600, height: 1600 } };
    fc.assert(
      fc.property(share, share, (x, y) => {
        const zoomed: Zoom = { scale: 1, centre: { x: 0.5, y: 0.5 } };
        const point = { x: x * 400, y: y * 400 };
        const under = placeUnder(point, place(zoomed, each), each.image);
        const after = placeUnder(point, place(zoomAt(zoomed, each, 2, point), each), each.image);
        expect(after.x).toBeCloseTo(under.x, 6);
        expect(after.y).toBeCloseTo(under.y, 6);
      }),
    );
  });

  it("shows the same place of images of one size in cells of one size", () => {
    const each: Frame = { cell: { width: 300, height: 500 }, image: { width: 1000, height: 700 } };
    const moved = panBy(zoomAt("fit", each, 5, { x: 10, y: 10 }), each, { x: -40, y: 12 });
    expect(place(moved, each)).toEqual(place(moved, { ...each }));
    expect(zoomAt(moved, each, 0.01, { x: 0, y: 0 })).toBe("fit");
  });
});

const screen = { width: 1280, height: 640 };
const gaps = { gapPx: 8, captionPx: 32 };
const square = { width: 512, height: 512 };

describe("chooseColumns", () => {
  it("puts two squares side by side on a screen, and one above the other on a telephone", () => {
    expect(chooseColumns({ count: 2, area: screen, image: square, ...gaps })).toBe(2);
    expect(chooseColumns({ count: 2, area: { width: 390, height: 700 }, image: square, ...gaps })).toBe(1);
  });

  it("puts four in a square if they are largest that way", () => {
    expect(chooseColumns({ count: 4, area: { width: 1000, height: 1000 }, image: square, ...gaps })).toBe(2);
    expect(chooseColumns({ count: 4, area: { width: 1000, height: 620 }, image: square, ...gaps }), "not three and one").toBe(2);
    expect(chooseColumns({ count: 4, area: { width: 1600, height: 500 }, image: square, ...gaps })).toBe(4);
    expect(chooseColumns({ count: 3, area: { width: 700, height: 1000 }, image: { width: 1216, height: 832 }, ...gaps })).toBe(1);
  });

  it("returns a number for an empty area", () => {
    expect(chooseColumns({ count: 3, area: { width: 0, height: 0 }, image: square, ...gaps })).toBe(3);
  });
});
