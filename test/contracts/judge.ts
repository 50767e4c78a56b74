import { describe, expect, it } from "vitest";
import type { Inspection } from "../../src/images/inspection.ts";
import type { Judge, JudgeImage } from "../../src/judges/judge.ts";

const plain: Inspection = { widthPx: 64, heightPx: 64, pixelSha256: "0", perceptualHash: "0", lumaStd: 40, sharpness: 10, entropy: 7 };

/** An image as stages hand it to judges. Its bytes are its name. */
export function judgeImage(name: string, inspection: Partial<Inspection> = {}, earlierScore: number | null = null): JudgeImage {
  const bytes = new TextEncoder().encode(name);
  return {
    imageId: `i_${name}`,
    sha256: `sha256 of ${name}`,
    uri: `file:///images/${name}.png`,
    sizeBytes: bytes.length,
    inspection: { ...plain, pixelSha256: `pixels of ${name}`, ...inspection },
    earlierScore,
    bytes: () => Promise.resolve(bytes),
  };
}

/** What every judge promises to the judge stage. `open` makes one that can answer. */
export function judgeContract(name: string, open: () => Judge | Promise<Judge>): void {
  describe(`${name} keeps the contract of judges`, () => {
    const { signal } = new AbortController();
    const images = ["c", "a", "b"].map((image, index) => judgeImage(image, { sharpness: index * 5 }, index));

    it("has the same name and version each time it is opened", async () => {
      const judge = await open();
      expect(judge.name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
      expect(judge.version).not.toBe("");
      expect((await open()).version).toBe(judge.version);
      await judge.close?.();
    });

    it("returns one score for each image, in order, a finite number or null", async () => {
      const judge = await open();
      for (const asked of [images, images.slice(0, 1), []]) {
        const scores = (await judge.score("a prompt", asked, signal)) ?? [];
        expect(scores.map(({ imageId }) => imageId)).toEqual(asked.map(({ imageId }) => imageId));
        expect(scores.every(({ score }) => score === null || Number.isFinite(score))).toBe(true);
      }
      await judge.close?.();
    });

    it("gives the same scores to the same question", async () => {
      const judge = await open();
      expect(await judge.score("a prompt", images, signal)).toEqual(await judge.score("a prompt", images, signal));
      await judge.close?.();
    });

    it("estimates the requests of a group, and 0 for an empty group", async () => {
      const judge = await open();
      const before = judge.usage?.().requests ?? 0;
      await judge.score("a prompt", images, signal);
      const foretold = judge.requestsFor?.(images) ?? 0;
      expect(judge.usage === undefined ? foretold : judge.usage().requests - before).toBe(foretold);
      expect(judge.requestsFor?.([]) ?? 0).toBe(0);
      await judge.close?.();
    });

    it("can be probed without an image", async () => {
      const judge = await open();
      expect((await judge.probe?.(signal)) ?? "it asks nobody").not.toBe("");
      await judge.close?.();
    });

    it("stops at once when it is aborted", async () => {
      const judge = await open();
      const gone = new DOMException("gone", "AbortError");
      const ended = judge.score("a prompt", images, AbortSignal.abort(gone)).catch((error: unknown) => error);
      // One that asks nobody has its answer already.
      expect(judge.requestsFor === undefined ? gone : await ended).toBe(gone);
      await judge.close?.();
    });
  });
}
