import { describe, expect, test } from "vitest";
import { didYouMean, nearest } from "../../src/lib/nearest.ts";

describe("nearest()", () => {
  test("finds a misspelt, swapped or differently cased word", () => {
    expect(nearest("concurency", ["concurrency", "window"])).toBe("concurrency");
    expect(nearest("KSmapler", ["KSampler", "KSamplerAdvanced"])).toBe("KSampler");
    expect(nearest("PROMPT", ["negative", "prompt"])).toBe("prompt");
    expect(nearest("cgf", ["cfg", "seed"])).toBe("cfg");
  });

  test("ignores a folder before a file name, but prefers the exact path", () => {
    expect(nearest("v1-5.safetensors", ["SD15/v1-5.safetensors", "sdxl.safetensors"])).toBe("SD15/v1-5.safetensors");
    expect(nearest("a/model.ckpt", ["b/model.ckpt", "a/model.ckpt"])).toBe("a/model.ckpt");
  });

  test("is undefined where nothing is near", () => {
    expect(nearest("guidance", ["seed", "steps"])).toBeUndefined();
    expect(nearest("7", ["3", "4"])).toBeUndefined();
    expect(nearest("anything", [])).toBeUndefined();
    expect(didYouMean("guidance", ["seed"])).toBe("");
  });

  test("stays fast on long texts and lists", () => {
    const started = performance.now();
    nearest(
      "x".repeat(100_000),
      Array.from({ length: 200 }, (_, index) => `${"y".repeat(100_000)}${index}`),
    );
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
