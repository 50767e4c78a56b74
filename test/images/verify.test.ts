import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { crc32, deflateSync } from "node:zlib";
import * as fc from "fast-check";
import sharp from "sharp";
import type { Sharp } from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { RejectError, type RejectReason } from "../../src/errors.ts";
import { createVerifier, type ImageFacts, type VerifyOptions, imageCheck } from "../../src/images/verify.ts";
import { formatNamedBy } from "../../src/images/formats/format.ts";
import { remade } from "../../src/emulator/http/view-route.ts";
import { readRealPng } from "../helpers/real-png.ts";

const REAL_PNG = readRealPng();

const PIXELS = deflateSync(Buffer.alloc(1 + 3, 7));
const SMALL_PNG = png([ihdr(1, 1), chunk("tEXt", "prompt\0{}"), chunk("IDAT", PIXELS), chunk("IEND")]);

/** As it passes; whatever comes of it must come of the same image in memory. */
async function verify(pieces: readonly Buffer[], options: Partial<VerifyOptions> = {}): Promise<{ facts: ImageFacts; bytes: Buffer }> {
  const passing = await verifyPassing(pieces, options).catch((error: unknown) => error as Error);
  const whole = wholeOf(Buffer.concat(pieces), options);
  expect(whole).toEqual(passing instanceof Error ? passing : passing.facts);
  if (passing instanceof Error) throw passing;
  return passing;
}

function wholeOf(bytes: Buffer, options: Partial<VerifyOptions>): unknown {
  try {
    const check = imageCheck({ maxBytes: 1e9, announcedBytes: null, accept: () => undefined, ...options });
    check.feed(bytes);
    return check.conclude();
  } catch (error) {
    return error;
  }
}

async function verifyPassing(pieces: readonly Buffer[], options: Partial<VerifyOptions>): Promise<{ facts: ImageFacts; bytes: Buffer }> {
  const verifier = createVerifier({ maxBytes: 1e9, announcedBytes: null, accept: () => undefined, ...options });
  const bytes = buffer(verifier.stream);
  await Promise.all([pipeline(Readable.from(pieces), verifier.stream), bytes]);
  return { facts: verifier.facts(), bytes: await bytes };
}

async function reasonFor(bytes: Buffer, options: Partial<VerifyOptions> = {}): Promise<RejectReason | "accepted"> {
  try {
    await verify([bytes], options);
    return "accepted";
  } catch (error) {
    if (error instanceof RejectError) return error.reason;
    throw error;
  }
}

describe("createVerifier() on PNG", () => {
  test("a real ComfyUI image: its facts and its own bytes", async () => {
    const { facts, bytes } = await verify([REAL_PNG], { announcedBytes: REAL_PNG.length });
    expect(bytes.equals(REAL_PNG)).toBe(true);
    expect(facts).toMatchObject({ widthPx: 64, heightPx: 64, sizeBytes: REAL_PNG.length });
    expect(facts.format).toMatchObject({ name: "png", extension: "png", contentType: "image/png" });
    expect(facts.sha256).toBe(createHash("sha256").update(REAL_PNG).digest("hex"));
    expect(facts.embeddedPrompt).toContain('"filename_prefix": "run1/ab/view_s42"');
  });

  test("any chunking gives the same facts and bytes", async () => {
    const { facts: expected } = await verify([REAL_PNG]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: REAL_PNG.length - 1 }), { maxLength: 40 }), async (cuts) => {
        const { facts, bytes } = await verify(cutAt(REAL_PNG, cuts));
        expect(facts).toEqual(expected);
        expect(bytes.equals(REAL_PNG)).toBe(true);
      }),
      { numRuns: 60 },
    );
    const { facts } = await verify(cutAt(SMALL_PNG, Array.from(SMALL_PNG.keys())));
    expect(facts).toMatchObject({ widthPx: 1, heightPx: 1, embeddedPrompt: "{}" });
  });

  test("every single bit of a small image, flipped, is refused", async () => {
    for (let bit = 0; bit < SMALL_PNG.length * 8; bit++) expect(await reasonFor(flipped(SMALL_PNG, bit))).not.toBe("accepted");
  });

  test("any bit of a real image, flipped, is refused", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: REAL_PNG.length * 8 - 1 }), async (bit) => {
        expect(await reasonFor(flipped(REAL_PNG, bit))).not.toBe("accepted");
      }),
      { numRuns: 300 },
    );
  });

  test("cut anywhere, it is refused as truncated", async () => {
    for (let length = 12; length < SMALL_PNG.length; length++) expect(await reasonFor(SMALL_PNG.subarray(0, length))).toBe("truncated");
    for (let length = 0; length < 12; length++) expect(await reasonFor(SMALL_PNG.subarray(0, length))).toBe("truncated");
  });

  test("followed by anything, it is refused", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 20 }), async (tail) => {
        expect(await reasonFor(Buffer.concat([SMALL_PNG, tail]))).toBe("corrupt");
      }),
      { numRuns: 30 },
    );
    expect(await reasonFor(Buffer.concat([SMALL_PNG, SMALL_PNG]))).toBe("corrupt");
  });

  test.each<[string, readonly Buffer[]]>([
    ["no IDAT", [ihdr(1, 1), chunk("IEND")]],
    ["no IHDR", [chunk("IDAT", PIXELS), chunk("IEND")]],
    ["a second IHDR", [ihdr(1, 1), ihdr(2, 2), chunk("IDAT", PIXELS), chunk("IEND")]],
    ["no width", [ihdr(0, 1), chunk("IDAT", PIXELS), chunk("IEND")]],
    ["a height over 2^31", [ihdr(1, 2 ** 31), chunk("IDAT", PIXELS), chunk("IEND")]],
    ["an unknown colour type", [ihdr(1, 1, 5), chunk("IDAT", PIXELS), chunk("IEND")]],
    ["an IEND with data", [ihdr(1, 1), chunk("IDAT", PIXELS), chunk("IEND", "x")]],
    ["a chunk type of no letters", [ihdr(1, 1), chunk("\0\0\0\0"), chunk("IDAT", PIXELS), chunk("IEND")]],
    ["a broken compressed prompt", [ihdr(1, 1), chunk("zTXt", "prompt\0\0garbage"), chunk("IDAT", PIXELS), chunk("IEND")]],
    ["an iTXt without its parts", [ihdr(1, 1), chunk("iTXt", "prompt\0\0\0en"), chunk("IDAT", PIXELS), chunk("IEND")]],
  ])("%s is corrupt", async (_what, chunks) => {
    expect(await reasonFor(png(chunks))).toBe("corrupt");
  });

  test.each<[string, string, Buffer]>([
    ["tEXt", "tEXt", Buffer.from('prompt\0{"ä":1}', "latin1")],
    ["zTXt", "zTXt", Buffer.concat([Buffer.from("prompt\0\0"), deflateSync(Buffer.from('{"ä":1}', "latin1"))])],
    ["iTXt", "iTXt", Buffer.from('prompt\0\0\0en\0\0{"ä":1}', "utf8")],
    ["packed iTXt", "iTXt", Buffer.concat([Buffer.from("prompt\0\u0001\0en\0x\0"), deflateSync(Buffer.from('{"ä":1}', "utf8"))])],
  ])("the prompt is read from %s, among other texts", async (_name, type, data) => {
    const texts = [chunk("tEXt", "workflow\0{}"), chunk("tEXt", "p\0q"), chunk(type, data), chunk("tEXt", "prompts\0no")];
    const { facts } = await verify([png([ihdr(1, 1), ...texts, chunk("IDAT", PIXELS), chunk("IEND")])]);
    expect(facts.embeddedPrompt).toBe('{"ä":1}');
  });

  test("a prompt of more than 8 MiB is refused before it fills the memory, packed or not", async () => {
    const bomb = Buffer.concat([Buffer.from("prompt\0\0"), deflateSync(Buffer.alloc(50_000_000))]);
    for (const text of [chunk("zTXt", bomb), chunk("tEXt", Buffer.concat([Buffer.from("prompt\0"), Buffer.alloc(9_000_000, 32)]))]) {
      expect(await reasonFor(png([ihdr(1, 1), text, chunk("IDAT", PIXELS), chunk("IEND")]))).toBe("too-large");
    }
  });

  test("an image without a prompt has none", async () => {
    const { facts } = await verify([png([ihdr(1, 1), chunk("IDAT", PIXELS), chunk("IEND")])]);
    expect(facts.embeddedPrompt).toBeNull();
  });
});

describe.each(["jpeg", "webp"] as const)("createVerifier() on %s", (format) => {
  const kinds: Readonly<Record<string, Buffer>> = {};
  let names: readonly string[] = [];
  beforeAll(async () => {
    const noise = sharp({
      create: { width: 61, height: 47, channels: 3, background: "#888", noise: { type: "gaussian", mean: 128, sigma: 60 } },
    });
    const made = {
      jpeg: async () => ({
        baseline: await noise.clone().jpeg().toBuffer(),
        progressive: await noise.clone().jpeg({ progressive: true, quality: 100 }).toBuffer(),
        "with EXIF": await noise
          .clone()
          .jpeg()
          .withExif({ IFD0: { Copyright: "nobody" } })
          .toBuffer(),
      }),
      webp: async () => ({
        lossy: await noise.clone().webp().toBuffer(),
        lossless: await noise.clone().webp({ lossless: true }).toBuffer(),
        "with EXIF": await noise
          .clone()
          .webp()
          .withExif({ IFD0: { Copyright: "nobody" } })
          .toBuffer(),
        "with alpha": await noise.clone().ensureAlpha(0.5).webp().toBuffer(),
      }),
    };
    Object.assign(kinds, await made[format]());
    names = Object.keys(kinds);
  });

  test("its size, type and bytes, in any chunking", async () => {
    for (const name of names) {
      const bytes = kinds[name]!;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 40 }), async (cuts) => {
          const verified = await verify(cutAt(bytes, cuts));
          expect(verified.facts).toMatchObject({ widthPx: 61, heightPx: 47, embeddedPrompt: null, format: { name: format } });
          expect(verified.bytes.equals(bytes)).toBe(true);
        }),
        { numRuns: 20 },
      );
      await verify(cutAt(bytes, Array.from(bytes.keys())));
    }
  });

  test("cut anywhere, it is refused", async () => {
    for (const bytes of Object.values(kinds)) {
      for (let length = 0; length < bytes.length; length += 7) expect(await reasonFor(bytes.subarray(0, length))).not.toBe("accepted");
      expect(await reasonFor(bytes.subarray(0, -1))).toBe("truncated");
    }
  });

  test("followed by anything, it is refused", async () => {
    for (const bytes of Object.values(kinds)) expect(await reasonFor(Buffer.concat([bytes, Buffer.from([0])]))).toBe("corrupt");
  });

  test("any bytes at all never crash the verifier", async () => {
    const header = { jpeg: Buffer.from([0xff, 0xd8, 0xff]), webp: Buffer.from("RIFF\x40\0\0\0WEBP") }[format];
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (tail) => {
        expect(["accepted", "corrupt", "truncated"]).toContain(await reasonFor(Buffer.concat([header, tail])));
      }),
      { numRuns: 500 },
    );
  });
});

describe("createVerifier()", () => {
  test.each<[string, string, RejectReason]>([
    ["an HTML page", "<!doctype html><html><body>502 Bad Gateway</body></html>", "not-an-image"],
    ["JSON", '{"error":"no such file"}', "not-an-image"],
    ["terminal control", "\u001b[2J\u001b[31m owned by nobody", "not-an-image"],
    ["nothing", "", "truncated"],
    ["a GIF", "GIF89a\u0001\0\u0001\0\0\0\0", "unsupported-format"],
    ["an AVIF", "\0\0\0 ftypavif\0\0\0\0", "unsupported-format"],
    ["a BigTIFF", "II+\0\u0008\0\0\0\u0010\0\0\0", "unsupported-format"],
    ["a JPEG XL", "\0\0\0\u000cJXL \r\n\u0087\n", "unsupported-format"],
    ["a Radiance HDR", "#?RADIANCE\nFORMAT=", "unsupported-format"],
    ["a PPM", "P6\n512 512\n255\n", "unsupported-format"],
    ["an SVG", '<svg xmlns="http://www.w3.org/2000/svg">', "unsupported-format"],
    ["a sound", "RIFF\u0010\0\0\0WAVEfmt ", "unsupported-format"],
    ["a WebM", "\u001aE\u00df\u00a3\u0001\0\0\0\0\0\0\u001f", "unsupported-format"],
  ])("%s is refused", async (_what, text, reason) => {
    const error = await verify([Buffer.from(text, "latin1")]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "RejectError", reason });
    expect(String(error)).not.toContain("\u001b");
  });

  test.each([
    ["png", "an AVIF", "\0\0\0 ftypavif\0\0\0\0", "AVIF"],
    ["png", "a JPEG", "\u00ff\u00d8\u00ff\u00e0\0\u0010JFIF\0\u0001", "jpeg"],
    ["jpeg", "a WebP", "RIFF\u00ff\0\0\0WEBPVP8 ", "webp"],
    ["webp", "a GIF", "GIF89a\u0001\0\u0001\0\0\0\0", "GIF"],
  ] as const)("what is named as %s and is %s was changed on its way", async (namedFormat, _what, text, holds) => {
    const error = await verify([Buffer.from(text, "latin1")], { namedFormat }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: "altered", hint: expect.stringContaining("Cloudflare") as string });
    expect(String(error)).toContain(`named as ${namedFormat.toUpperCase()} and holds ${holds}`);
  });

  test("a page in place of an image is no change of it, whatever the name", async () => {
    expect(await reasonFor(Buffer.from("<!doctype html><html>"), { namedFormat: "png" })).toBe("not-an-image");
  });

  test.each([
    ["two_frames.webp", "animated"],
    ["named_png_is_webp.png", "altered"],
  ] as const)("%s is refused as %s", async (name, reason) => {
    const bytes = readFileSync(join(import.meta.dirname, "../fixtures/images", name));
    expect(await reasonFor(bytes, { namedFormat: formatNamedBy(name) })).toBe(reason);
  });

  test("an animation of either format is refused once it is there whole, a single frame is not", async () => {
    const [still, animated] = await Promise.all([
      animation(1, (image) => image.webp({ loop: 0 })),
      animation(3, (image) => image.webp({ delay: [10, 10, 10] })),
    ]);
    expect(await reasonFor(still)).toBe("accepted");
    expect(await reasonFor(animated)).toBe("animated");
    expect(await reasonFor(animated.subarray(0, -1))).toBe("truncated");
    const apng = await remade(SMALL_PNG, "view-animated");
    expect(await reasonFor(apng)).toBe("animated");
    expect(await reasonFor(apng.subarray(0, -1))).toBe("truncated");
  });

  test("what is refused has one fingerprint however it comes, and another for other bytes", async () => {
    const apng = await remade(SMALL_PNG, "view-animated");
    const gif = Buffer.concat([Buffer.from("GIF89a\u0001\0\u0001\0\0\0"), Buffer.alloc(400)]);
    fc.assert(
      fc.property(fc.constantFrom(apng, gif), fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 9 }), (bytes, cuts) => {
        const [one, other] = [cutAt(bytes, cuts), [bytes]].map((pieces) => fingerprintOf(pieces, bytes.length));
        expect(one).toBe(other);
      }),
    );
    expect(fingerprintOf([gif], gif.length)).not.toBe(fingerprintOf([gif], gif.length + 1));
    expect(fingerprintOf([apng], apng.length)).not.toBe(fingerprintOf([REAL_PNG], REAL_PNG.length));
  });

  test("another length than announced is refused, whatever the image", async () => {
    expect(await reasonFor(SMALL_PNG, { announcedBytes: SMALL_PNG.length })).toBe("accepted");
    expect(await reasonFor(SMALL_PNG, { announcedBytes: SMALL_PNG.length + 1 })).toBe("truncated");
    expect(await reasonFor(SMALL_PNG, { announcedBytes: SMALL_PNG.length - 1 })).toBe("corrupt");
  });

  test("over the limit it is refused, at the limit not", async () => {
    expect(await reasonFor(SMALL_PNG, { maxBytes: SMALL_PNG.length })).toBe("accepted");
    expect(await reasonFor(SMALL_PNG, { maxBytes: SMALL_PNG.length - 1 })).toBe("too-large");
  });

  test("the last chunk waits for accept(), and never comes if that refuses", async () => {
    const refuse = (): never => {
      throw new RejectError("wrong-prompt", "not mine");
    };
    const pieces = cutAt(REAL_PNG, [4_000, 8_000]);
    const verifier = createVerifier({ maxBytes: 1e9, announcedBytes: REAL_PNG.length, accept: refuse });
    let seen = 0;
    verifier.stream.on("data", (piece: Buffer) => (seen += piece.length));
    await expect(pipeline(Readable.from(pieces), verifier.stream)).rejects.toMatchObject({ reason: "wrong-prompt" });
    expect(seen).toBe(8_000);
  });

  test("the format is known from the first bytes, before the rest has come", async () => {
    const verifier = createVerifier({ maxBytes: 1e9, announcedBytes: null, accept: () => undefined });
    verifier.stream.write(REAL_PNG.subarray(0, 11));
    verifier.stream.write(REAL_PNG.subarray(11, 12));
    expect((await verifier.format).name).toBe("png");
    verifier.stream.destroy();
  });

  test("the format is refused with the stream, read or not", async () => {
    const verifier = createVerifier({ maxBytes: 1e9, announcedBytes: null, accept: () => undefined });
    const failure = new Error("the source broke");
    const broken = new Readable({ read: () => undefined });
    const piped = pipeline(broken, verifier.stream);
    broken.destroy(failure);
    await expect(piped).rejects.toBe(failure);
    await expect(verifier.format).rejects.toBe(failure);
  });
});

function png(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...chunks]);
}

function ihdr(width: number, height: number, colourType = 2): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([8, colourType, 0, 0, 0], 8);
  return chunk("IHDR", data);
}

function chunk(type: string, content: string | Buffer = ""): Buffer {
  const data = Buffer.concat([Buffer.from(type, "latin1"), typeof content === "string" ? Buffer.from(content, "latin1") : content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length - 4);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(data));
  return Buffer.concat([length, data, sum]);
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const sorted = [...new Set(cuts)].filter((cut) => cut > 0).toSorted((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length));
}

function fingerprintOf(pieces: readonly Buffer[], announcedBytes: number): string {
  const check = imageCheck({ maxBytes: 1e9, announcedBytes, accept: () => undefined });
  try {
    for (const piece of pieces) check.feed(piece);
    check.conclude();
  } catch (error) {
    if (!(error instanceof RejectError)) throw error;
  }
  return check.fingerprint();
}

function animation(frames: number, encode: (image: Sharp) => Sharp): Promise<Buffer> {
  const raw = Buffer.alloc(16 * 16 * 3 * frames, 7).map((_, index) => index % 251);
  return encode(sharp(raw, { raw: { width: 16, height: 16 * frames, channels: 3, pageHeight: 16 } })).toBuffer();
}
