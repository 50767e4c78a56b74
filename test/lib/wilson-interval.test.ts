import { expect, it } from "vitest";
import { wilsonInterval } from "../../src/lib/wilson-interval.ts";

const rounded = (share: number, trials: number) => {
  const { low, high } = wilsonInterval(share, trials);
  return [low, high].map((value) => Math.round(value * 1e4) / 1e4);
};

it("is Wilson's interval of 95 %", () => {
  // Expected: R, prop.test(x, n, correct = FALSE)$conf.int
  expect(rounded(0.8, 10)).toEqual([0.4902, 0.9433]);
  expect(rounded(1, 5)).toEqual([0.5655, 1]);
  expect(rounded(0, 5)).toEqual([0, 0.4345]);
  expect(rounded(0.5, 100)).toEqual([0.4038, 0.5962]);
  expect(rounded(0.9, 1_000)).toEqual([0.8798, 0.9171]);
});

it("of nothing knows nothing", () => {
  expect(wilsonInterval(Number.NaN, 0)).toEqual({ low: 0, high: 1 });
});
