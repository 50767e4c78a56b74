import { createHash } from "node:crypto";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { RejectError } from "../../src/errors.ts";
import { type DecodeImage, openDecoder } from "../../src/images/decode.ts";
import { makeImage } from "../helpers/images.ts";

let decode: DecodeImage;
beforeAll(async () => {
  decode = await openDecoder();
});

describe("openDecoder()", () => {
  it("hashes size and RGBA pixels", async () => {
    const { inspection } = await decode(
      await sharp({ create: { width: 2, height: 3, channels: 3, background: "#0a141e" } })
        .png()
        .toBuffer(),
    );
    const pixels = Buffer.from("0a141eff".repeat(6), "hex");
    expect(inspection.pixelSha256).toBe(createHash("sha256").update("2x3\n").update(pixels).digest("hex"));
    expect(inspection).toMatchObject({ widthPx: 2, heightPx: 3, lumaStd: 0 });
  });

  it("sees through formats and metadata: equal pixels have equal hashes", async () => {
    const png = await makeImage({ seed: 3 });
    const commented = await makeImage({ seed: 3, comment: "another prompt" });
    const lossless = await sharp(png).webp({ lossless: true }).toBuffer();
    expect(commented.equals(png)).toBe(false);
    const [first, second, third] = await Promise.all([png, commented, lossless].map(async (bytes) => (await decode(bytes)).inspection));
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  it("hashes opaque images as those whose alpha says nothing, over every pixel", async () => {
    const opaque = await makeImage({ widthPx: 301, heightPx: 457 });
    const [plain, withAlpha] = await Promise.all([decode(opaque), decode(await sharp(opaque).ensureAlpha().png().toBuffer())]);
    const raw = await sharp(opaque).ensureAlpha().raw().toBuffer();
    const wanted = createHash("sha256").update("301x457\n").update(raw).digest("hex");
    expect([plain.inspection.pixelSha256, withAlpha.inspection.pixelSha256]).toEqual([wanted, wanted]);
    expect(plain.inspection).toMatchObject({ lumaStd: withAlpha.inspection.lumaStd, sharpness: withAlpha.inspection.sharpness });
  });

  it("tells images apart by one pixel", async () => {
    const raw = { raw: { width: 4, height: 4, channels: 3 } } as const;
    const one = Buffer.alloc(48, 9);
    const other = Buffer.from(one);
    other[47] = 10;
    const hashes = await Promise.all(
      [one, other].map(async (data) => (await decode(await sharp(data, raw).png().toBuffer())).inspection.pixelSha256),
    );
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it("decodes grey, 16-bit, palette and transparent images", async () => {
    const source = sharp(await makeImage());
    const variants = [source.clone().greyscale().png(), source.clone().toColourspace("rgb16").png(), source.clone().png({ palette: true })];
    for (const variant of variants)
      expect((await decode(await variant.toBuffer())).inspection).toMatchObject({ widthPx: 64, heightPx: 48 });
    const clear = await sharp({ create: { width: 9, height: 9, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } } })
      .png()
      .toBuffer();
    expect((await decode(clear)).inspection.lumaStd).toBe(0);
  });

  it("makes a thumbnail of at most 320 px, never larger than the image", async () => {
    const wide = await decode(await makeImage({ widthPx: 800, heightPx: 200 }));
    expect(await sharp(wide.thumbnail).metadata()).toMatchObject({ format: "webp", width: 320, height: 80 });
    const small = await decode(await makeImage());
    expect(await sharp(small.thumbnail).metadata()).toMatchObject({ width: 64, height: 48 });
  });

  it("rejects what is no whole image", async () => {
    const png = await makeImage({ widthPx: 200, heightPx: 200 });
    const broken = [png.subarray(0, png.length / 2), Buffer.from("<html>busy</html>"), Buffer.alloc(0), flipped(png, png.length / 2)];
    for (const bytes of broken) await expect(decode(bytes)).rejects.toBeInstanceOf(RejectError);
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(Math.floor(at)) ^ 0xff, Math.floor(at));
  return copy;
}
