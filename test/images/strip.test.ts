import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { crc32, deflateSync } from "node:zlib";
import * as fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { createStripper, LateMetadataError, type StripOptions } from "../../src/images/strip.ts";
import { createVerifier } from "../../src/images/verify.ts";
import { readRealPng } from "../helpers/real-png.ts";

const REAL_PNG = readRealPng();

async function strip(bytes: Buffer, { hold = "head", cuts = [] }: Partial<StripOptions> & { cuts?: readonly number[] } = {}) {
  const stripper = createStripper({ hold });
  const at = [0, ...[...cuts].toSorted((a, b) => a - b), bytes.length];
  const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
  const readOn = async () => ({ removedBytes: await stripper.removedBytes, stripped: await buffer(stripper.stream) });
  const readFirst = async () => ({ stripped: await buffer(stripper.stream), removedBytes: await stripper.removedBytes });
  // Nothing may leave before the length is known: a store asks for it first.
  const read = hold === "least" ? readFirst() : readOn();
  const [, result] = await Promise.all([pipeline(Readable.from(pieces.filter((piece) => piece.length > 0)), stripper.stream), read]);
  expect(bytes.length - result.removedBytes).toBe(result.stripped.length);
  expect(stripper.facts()).toEqual({
    sizeBytes: result.stripped.length,
    sha256: createHash("sha256").update(result.stripped).digest("hex"),
  });
  return result.stripped;
}

/** Reads it as harvest does: structure and checksums. */
async function embeddedPrompt(bytes: Buffer): Promise<string | null> {
  const verifier = createVerifier({ maxBytes: 1e9, announcedBytes: bytes.length, accept: () => undefined });
  await Promise.all([pipeline(Readable.from([bytes]), verifier.stream), buffer(verifier.stream)]);
  return verifier.facts().embeddedPrompt;
}

const pixelsOf = (bytes: Buffer): Promise<Buffer> => sharp(bytes).raw().toBuffer();

describe("createStripper() on PNG", () => {
  test("a real ComfyUI image loses its texts and keeps its pixels, however it is cut", async () => {
    const stripped = await strip(REAL_PNG);
    expect(stripped.length).toBeLessThan(REAL_PNG.length);
    expect(await embeddedPrompt(stripped)).toBeNull();
    expect(stripped.includes("filename_prefix")).toBe(false);
    expect(await pixelsOf(stripped)).toEqual(await pixelsOf(REAL_PNG));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: REAL_PNG.length - 1 }), { maxLength: 40 }), async (cuts) => {
        expect((await strip(REAL_PNG, { cuts })).equals(stripped)).toBe(true);
      }),
      { numRuns: 40 },
    );
    expect((await strip(stripped)).equals(stripped)).toBe(true);
    for (const hold of ["whole", "least"] as const) expect((await strip(REAL_PNG, { hold })).equals(stripped)).toBe(true);
  });

  test.each(["tEXt", "zTXt", "iTXt", "eXIf"])("%s goes, other chunks stay", async (type) => {
    const others = [ihdr(), chunk("gAMA", Buffer.from([0, 0, 0xb1, 0x8f])), chunk("pHYs", Buffer.alloc(9, 1))];
    const pixels = [chunk("IDAT", deflateSync(Buffer.alloc(4, 7))), chunk("IEND", Buffer.alloc(0))];
    const text = chunk(type, Buffer.alloc(300_000, 65));
    expect((await strip(png([...others, text, ...pixels]))).equals(png([...others, ...pixels]))).toBe(true);
  });

  test("texts after the pixels: refused on the way, taken out of what is held whole, or needs no length", async () => {
    const pixels = chunk("IDAT", deflateSync(Buffer.alloc(4, 7)));
    const end = chunk("IEND", Buffer.alloc(0));
    const late = png([ihdr(), pixels, chunk("tEXt", Buffer.from("prompt\0{}")), end]);
    await expect(strip(late)).rejects.toBeInstanceOf(LateMetadataError);
    for (const hold of ["whole", "least"] as const) expect((await strip(late, { hold })).equals(png([ihdr(), pixels, end]))).toBe(true);
  });
});

describe.each(["jpeg", "webp"] as const)("createStripper() on %s", (format) => {
  const exif = { IFD0: { Copyright: "nobody", ImageDescription: '{"3": {"inputs": {"filename_prefix": "x"}}}' } };
  const noise = () =>
    sharp({ create: { width: 61, height: 47, channels: 3, background: "#888", noise: { type: "gaussian", mean: 128, sigma: 60 } } });

  test("EXIF and XMP go, pixels and colour profile stay, however it is cut", async () => {
    const plain = await noise().png().toBuffer();
    const made = sharp(plain).withIccProfile("p3").withExif(exif).withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/">secret</x:xmpmeta>');
    const bytes = await (format === "jpeg" ? made.jpeg({ progressive: true }) : made.webp()).toBuffer();
    expect(await sharp(bytes).metadata()).toMatchObject({ exif: expect.any(Buffer), xmp: expect.any(Buffer) });
    const stripped = await strip(bytes);
    const after = await sharp(stripped).metadata();
    expect([after.exif, after.xmp]).toEqual([undefined, undefined]);
    expect(after.icc).toBeDefined();
    expect(stripped.includes("filename_prefix")).toBe(false);
    expect(await pixelsOf(stripped)).toEqual(await pixelsOf(bytes));
    await embeddedPrompt(stripped);
    for (let every = 1; every < 9; every++) {
      const cuts = Array.from({ length: Math.floor(bytes.length / every) - 1 }, (_, index) => (index + 1) * every);
      expect((await strip(bytes, { cuts })).equals(stripped)).toBe(true);
      expect((await strip(bytes, { cuts, hold: "least" })).equals(stripped)).toBe(true);
    }
  });

  test("an image without any stays as it is", async () => {
    const bytes = await noise().toFormat(format).toBuffer();
    expect((await strip(bytes)).equals(bytes)).toBe(true);
  });
});

test("a comment in a JPEG goes; one between its scans is refused on the way", async () => {
  const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: "#345" } })
    .jpeg({ progressive: true })
    .toBuffer();
  const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0x00, 0x08]), Buffer.from("secret")]);
  const insertAt = (at: number) => Buffer.concat([bytes.subarray(0, at), comment, bytes.subarray(at)]);
  expect((await strip(insertAt(2))).equals(bytes)).toBe(true);
  const secondScan = bytes.indexOf(Buffer.from([0xff, 0xda]), bytes.indexOf(Buffer.from([0xff, 0xda])) + 2);
  await expect(strip(insertAt(secondScan))).rejects.toBeInstanceOf(LateMetadataError);
  for (const hold of ["whole", "least"] as const) expect((await strip(insertAt(secondScan), { hold })).equals(bytes)).toBe(true);
});

test("a WebP that does not say that metadata comes is held whole all the same: its beginning says its length", async () => {
  const plain = await sharp({ create: { width: 16, height: 16, channels: 4, background: "#34567890" } })
    .webp()
    .toBuffer();
  const late = Buffer.concat([plain, Buffer.from("EXIF"), Buffer.from([6, 0, 0, 0]), Buffer.from("secret")]);
  late.writeUInt32LE(late.length - 8, 4);
  await expect(strip(late)).rejects.toBeInstanceOf(LateMetadataError);
  for (const hold of ["whole", "least"] as const) expect((await strip(late, { hold })).equals(plain)).toBe(true);
});

test("tells the format while the image passes, and fails with it", async () => {
  const { format, stream } = createStripper({ hold: "least" });
  stream.write(REAL_PNG.subarray(0, 100));
  expect((await format).name).toBe("png");
  stream.destroy();
  const other = createStripper({ hold: "least" });
  other.stream.on("error", () => undefined).write(Buffer.from("<!doctype html>"));
  await expect(other.format).rejects.toThrow("no image");
});

function png(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...chunks]);
}

function ihdr(): Buffer {
  return chunk("IHDR", Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]));
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(data.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}
