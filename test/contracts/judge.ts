import { describe, expect, it } from "vitest";
import type { Inspection, Judge, JudgeImage } from "../../src/judges/judge.ts";

const plain: Inspection = { widthPx: 64, heightPx: 64, pixelSha256: "0", perceptualHash: "0", lumaStd: 40, sharpness: 10, entropy: 7 };

/** An image as stages hand it to judges. */
export function judgeImage(name: string, inspection: Partial<Inspection> = {}): JudgeImage {
  return {
    imageId: `i_${name}`,
    sha256: `sha256 of ${name}`,
    inspection: { ...plain, pixelSha256: `pixels of ${name}`, ...inspection },
    bytes: () => Promise.resolve(new TextEncoder().encode(name)),
  };
}

/** What every judge promises to the judge stage. `open` makes one that can answer. */
export function judgeContract(name: string, open: () => Judge | Promise<Judge>): void {
  describe(`${name} keeps the contract of judges`, () => {
    const { signal } = new AbortController();
    const images = ["c", "a", "b"].map((image, index) => judgeImage(image, { sharpness: index * 5 }));

    it("says who it is", async () => {
      const judge = await open();
      expect(judge.name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
      expect(judge.version).not.toBe("");
    });

    it("answers one score an image, in their order, a finite number or null", async () => {
      const judge = await open();
      for (const asked of [images, images.slice(0, 1), []]) {
        const scores = await judge.score("a prompt", asked, signal);
        expect(scores.map(({ imageId }) => imageId)).toEqual(asked.map(({ imageId }) => imageId));
        expect(scores.every(({ score }) => score === null || Number.isFinite(score))).toBe(true);
      }
    });

    it("gives the same scores to the same question", async () => {
      const judge = await open();
      expect(await judge.score("a prompt", images, signal)).toEqual(await judge.score("a prompt", images, signal));
    });
  });
}
