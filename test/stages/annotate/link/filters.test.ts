import { describe, expect, it } from "vitest";
import { filterImages, hammingDistance } from "../../../../src/stages/annotate/link/filters.ts";
import type { CandidateImage } from "../../../../src/stages/annotate/link/group-facts.ts";
import { candidate, rules } from "./facts.ts";

const { filters } = rules();
const run = (images: readonly CandidateImage[], some: Partial<typeof filters> = {}) => {
  const result = filterImages(images, { ...filters, ...some });
  return {
    kept: result.images.map(({ imageId }) => imageId).join(""),
    drops: Object.fromEntries(result.drops.map(({ reason, count }) => [reason, count])),
    twins: result.twins,
  };
};

describe("filterImages()", () => {
  it("counts each image under its first reason", () => {
    const images = [
      candidate("a"),
      candidate("b", { state: "rejected", look: null }),
      candidate("c", { state: "excluded" }),
      candidate("d", { look: null }),
      candidate("e", { look: { lumaStd: 1.9 }, flagged: true }),
      candidate("f", { flagged: true }),
      candidate("g", { look: { lumaStd: 2 } }),
    ];
    expect(run(images)).toMatchObject({ kept: "ag", drops: { rejected: 1, excluded: 1, undecodable: 1, blank: 1, flagged: 1 } });
    expect(run(images, { blank: false, flagged: false })).toMatchObject({ kept: "aefg" });
  });

  it("drops images that a judge calls unsafe, could not score or has not seen", () => {
    const images = [
      candidate("a", { scores: { n: 0.5 } }),
      candidate("b", { scores: { n: 0.51 } }),
      candidate("c", { scores: { n: null } }),
      candidate("d", { scores: { other: 0 } }),
      candidate("e", { scores: { n: -3 } }),
    ];
    const nsfw = { judge: "n", above: 0.5 };
    expect(run(images, { nsfw })).toMatchObject({ kept: "ae", drops: { nsfw: 1, "nsfw-unscored": 2 } });
    expect(run(images)).toMatchObject({ kept: "abcde", drops: {} });
  });

  it("keeps the first of equal images, and maps the others to it", () => {
    const images = [
      candidate("a"),
      candidate("b", { sha256: "file a" }),
      candidate("c", { look: { pixelSha256: "pixels a" } }),
      candidate("d"),
    ];
    const { kept, drops, twins } = run(images);
    expect([kept, drops]).toEqual(["ad", { "same-file": 1, "same-pixels": 1 }]);
    expect([...twins]).toEqual([
      ["b", "a"],
      ["c", "a"],
    ]);
    expect(run(images, { same_pixels: false }).kept).toBe("abcd");
  });

  it("does not map images to a dropped one", () => {
    expect(run([candidate("a", { flagged: true }), candidate("b", { sha256: "file a" })]).kept).toBe("b");
  });

  it("keeps the most common size, then the largest, then the widest", () => {
    const sized = (imageId: string, widthPx: number, heightPx: number) => candidate(imageId, { look: { widthPx, heightPx } });
    expect(run([sized("a", 512, 512), sized("b", 1024, 1024), sized("c", 512, 512)])).toMatchObject({
      kept: "ac",
      drops: { "wrong-size": 1 },
    });
    expect(run([sized("a", 512, 512), sized("b", 1024, 1024)]).kept).toBe("b");
    expect(run([sized("a", 512, 768), sized("b", 768, 512)]).kept).toBe("b");
  });

  it("accepts an empty group", () => {
    expect(run([])).toMatchObject({ kept: "", drops: {} });
  });
});

describe("hammingDistance()", () => {
  it("counts differing bits", () => {
    expect(hammingDistance("0000000000000000", "ffffffffffffffff")).toBe(64);
    expect(hammingDistance("8000000000000001", "0000000000000000")).toBe(2);
    expect(hammingDistance("f0f0f0f0f0f0f0f0", "f0f0f0f0f0f0f0f1")).toBe(1);
    expect(hammingDistance("0123456789abcdef", "0123456789abcdef")).toBe(0);
  });
});
