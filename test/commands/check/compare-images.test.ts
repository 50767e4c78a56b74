import { describe, expect, it } from "vitest";
import { type CanaryImages, compareImages, describeComparison } from "../../../src/commands/check/compare-images.ts";

const made = (server: string, perceptualHash: string, changes: object = {}): CanaryImages => ({
  server,
  images: [{ pixelSha256: perceptualHash, perceptualHash, widthPx: 64, heightPx: 64, ...changes }],
});
const say = (images: readonly CanaryImages[]) => describeComparison("canary base", { servers: images.length, ...compareImages(images) });
const ZERO = "0000000000000000";
const FAR = "ffffffffffffffff";

describe("compareImages()", () => {
  it("finds no outlier among equal images, or nearly equal ones", () => {
    expect(compareImages([made("a", ZERO), made("b", ZERO)])).toMatchObject({ outliers: [], samePixels: true, spreadBits: 0 });
    expect(compareImages([made("a", ZERO), made("b", "0000000000000007"), made("c", "00000000000003ff")])).toMatchObject({
      outliers: [],
      samePixels: false,
      spreadBits: 10,
    });
  });

  it("names who is far from what most agree on, whatever the order", () => {
    for (const images of [
      [made("bad", FAR), made("a", ZERO), made("b", ZERO)],
      [made("a", ZERO), made("bad", FAR), made("b", "0000000000000001")],
    ]) {
      expect(compareImages(images).outliers).toEqual(["bad"]);
    }
    expect(compareImages([made("a", ZERO), made("b", ZERO), made("c", ZERO, { widthPx: 32 })]).outliers).toEqual(["c"]);
    expect(compareImages([made("a", ZERO), made("b", ZERO), { server: "c", images: [] }]).outliers).toEqual(["c"]);
  });

  it("takes no side where no majority agrees", () => {
    expect(compareImages([made("a", ZERO), made("b", FAR)]).outliers).toEqual(["a", "b"]);
    expect(compareImages([made("a", ZERO), made("b", FAR), made("c", "00000000ffffffff")]).outliers).toEqual(["a", "b", "c"]);
    expect(compareImages([made("a", ZERO), made("b", ZERO), made("c", FAR), made("d", FAR)]).outliers).toHaveLength(4);
  });

  it("compares each image of a batch", () => {
    const [first] = made("x", ZERO).images;
    const [other] = made("x", FAR).images;
    const images = ["a", "b"].map((server) => ({ server, images: [first!, first!] }));
    expect(compareImages([...images, { server: "c", images: [first!, other!] }])).toMatchObject({
      outliers: ["c"],
      distances: [{ bits: 0 }, { bits: 64 }, { bits: 64 }],
    });
  });
});

describe("describeComparison()", () => {
  it("says how near, and who is wrong", () => {
    expect(say([made("a", ZERO)])).toMatchObject({ ok: true, text: expect.stringContaining("nothing to compare") });
    expect(say([made("a", ZERO), made("b", ZERO)])).toMatchObject({ ok: true, text: "2 servers make the same image: equal pixels" });
    expect(say([made("a", ZERO), made("b", ZERO, { pixelSha256: "x" })]).text).toContain("not to the last bit");
    expect(say([made("a", ZERO), made("b", "0000000000000003")]).text).toContain("up to 2 of 64 bits apart");
    expect(say([made("a", ZERO), made("http://b", FAR), made("c", ZERO)])).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^far from the image of the other 2 servers \(equal pixels\): http:\/\/b \(64 of 64 bits\)\. /),
    });
    expect(say([made("a", ZERO), made("b", FAR)])).toMatchObject({ ok: false, text: expect.stringContaining("a and b: 64 of 64 bits") });
  });
});
