import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { withoutMetadata } from "../../../../src/stages/export/images/convert.ts";
import { walker } from "../../../../src/images/formats/walk.ts";
import { comfyPng } from "../../../helpers/comfy-png.ts";
import { makeImage } from "../../../helpers/images.ts";

describe("withoutMetadata()", () => {
  test.each(["png", "jpeg", "webp"] as const)("takes out of %s what it tells, and leaves every pixel", async (format) => {
    const whole = await makeImage({ format, comment: "a workflow" });
    const pixels = await sharp(whole).raw().toBuffer();
    expect(whole.includes("a workflow")).toBe(true);
    const stripped = withoutMetadata(Buffer.from(whole));
    expect(stripped.format.name).toBe(format);
    expect(stripped.bytes.includes("a workflow")).toBe(false);
    expect(stripped.bytes.length).toBeLessThan(whole.length);
    expect(await sharp(stripped.bytes, { failOn: "warning" }).raw().toBuffer()).toEqual(pixels);
    expect(withoutMetadata(Buffer.from(stripped.bytes)).bytes.equals(stripped.bytes)).toBe(true);
  });

  test("gives one image, whatever texts stood in it, before its pixels or behind them", () => {
    const plain = comfyPng({ shade: 3 });
    const texts = comfyPng({ shade: 3, chunks: { prompt: "{}", workflow: "x".repeat(100_000) } });
    // The texts' chunks, moved between the pixels and the end.
    const end = texts.subarray(-12);
    const head = texts.subarray(0, 33);
    const pixels = plain.subarray(33, -12);
    const late = Buffer.concat([head, pixels, texts.subarray(33, texts.length - pixels.length - 12), end]);
    for (const bytes of [texts, late]) expect(withoutMetadata(Buffer.from(bytes)).bytes.equals(plain)).toBe(true);
  });

  test.each(["png", "jpeg", "webp"] as const)("gives of %s the bytes that stripping keeps, wherever it lies in memory", async (format) => {
    const whole = await makeImage({ format, comment: "a workflow" });
    const kept: Buffer[] = [];
    const nothing = (): void => undefined;
    const { strip } = withoutMetadata(Buffer.from(whole)).format;
    const walked = walker(strip({ keep: (piece) => void kept.push(piece), drop: nothing, headEnds: nothing }));
    walked.feed(Buffer.from(whole));
    const expected = Buffer.concat(kept);
    // Changed copies are made in Node's small pool: every place that one may have there, too.
    const memory = Buffer.alloc(whole.length + Buffer.poolSize);
    const others: number[] = [];
    for (let at = 0; at <= Buffer.poolSize; at += 8) {
      memory.set(whole, at);
      if (!withoutMetadata(memory.subarray(at, at + whole.length)).bytes.equals(expected)) others.push(at);
    }
    expect(others).toEqual([]);
    expect(kept.length).toBeGreaterThan(1);
  });

  test("moves what is short, not the pixels", () => {
    const png = Buffer.from(comfyPng({ shade: 3, chunks: { prompt: "y".repeat(500) } }));
    const pixels = png.indexOf("IDAT");
    const { bytes } = withoutMetadata(png);
    expect(bytes.byteOffset + bytes.indexOf("IDAT")).toBe(png.byteOffset + pixels);
  });

  test("does not touch what lies beside it in memory", () => {
    const png = comfyPng({ shade: 3, chunks: { prompt: "y".repeat(500) } });
    const memory = Buffer.alloc(png.length + 20, 7);
    png.copy(memory, 10);
    withoutMetadata(memory.subarray(10, 10 + png.length));
    expect(memory.subarray(0, 10).every((byte) => byte === 7)).toBe(true);
    expect(memory.subarray(-10).every((byte) => byte === 7)).toBe(true);
  });
});
