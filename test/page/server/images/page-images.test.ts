import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StoredImage } from "../../../../src/db/queries/page/page-images.ts";
import { RejectError, TransientError } from "../../../../src/errors.ts";
import { openPageImages, type PageImages } from "../../../../src/page/server/images/page-images.ts";
import { testConfig } from "../../../helpers/annotated-dataset.ts";
import { makeImage } from "../../../helpers/images.ts";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "page-images-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const SECRET = "sd15.safetensors";

interface Store {
  /** The objects by key. */
  readonly files: Map<string, Buffer>;
  /** Size of the pieces, bytes. */
  pieceBytes: number;
  /** Called before each piece. */
  onPiece: (key: string, index: number) => Promise<void>;
  readonly asked: string[];
}

function storeOf(): Store {
  return { files: new Map(), pieceBytes: 1_000, onPiece: () => Promise.resolve(), asked: [] };
}

function pageImages(store: Store): Promise<PageImages> {
  async function* pieces(key: string, bytes: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0, index = 0; at < bytes.length; at += store.pieceBytes, index++) {
      await store.onPiece(key, index);
      yield bytes.subarray(at, at + store.pieceBytes);
    }
  }
  const get = (key: string): Promise<Readable | null> => {
    store.asked.push(key);
    const bytes = store.files.get(key);
    return Promise.resolve(bytes === undefined ? null : Readable.from(pieces(key, bytes), { objectMode: false, highWaterMark: 1 }));
  };
  // Only get() of the store is used.
  return openPageImages({ config: testConfig(dir), store: { get } as never }, new AbortController().signal);
}

function stored(store: Store, key: string, bytes: Buffer): StoredImage {
  store.files.set(key, bytes);
  return { name: key, key, sizeBytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** With the model's name in its metadata, if the format keeps it. */
async function telling(format: "png" | "jpeg" | "webp"): Promise<Buffer> {
  const bytes = await sharp(await makeImage({ widthPx: 128, heightPx: 96 }))
    .withExif({ IFD0: { ImageDescription: SECRET } })
    .toFormat(format, { quality: 90 })
    .toBuffer();
  return bytes;
}

/** A PNG whose texts come after its pixels. */
async function tellingLate(): Promise<Buffer> {
  const png = await makeImage({ widthPx: 128, heightPx: 96 });
  const told = await makeImage({ widthPx: 4, heightPx: 4, comment: SECRET });
  const at = told.indexOf("eXIf") - 4;
  const chunk = told.subarray(at, at + 12 + told.readUInt32BE(at));
  const end = png.length - 12;
  return Buffer.concat([png.subarray(0, end), chunk, png.subarray(end)]);
}

const pixelsOf = (bytes: Buffer): Promise<Buffer> => sharp(bytes).raw().toBuffer();

describe("full()", () => {
  it.each(["png", "jpeg", "webp", "late png"] as const)("serves a %s unchanged except for its metadata", async (kind) => {
    const store = storeOf();
    const bytes = kind === "late png" ? await tellingLate() : await telling(kind);
    expect(bytes.includes(SECRET)).toBe(true);
    const format = kind === "late png" ? "png" : kind;
    const { full } = await pageImages(store);
    const { stream, contentType } = await full(stored(store, `a.${format === "jpeg" ? "jpg" : format}`, bytes), 1);
    const served = await buffer(stream);
    expect(contentType).toBe(`image/${format}`);
    expect(served.includes(SECRET)).toBe(false);
    expect((await pixelsOf(served)).equals(await pixelsOf(bytes))).toBe(true);
  });

  it.each(["png", "jpeg"] as const)("streams a %s while it is read, without holding it in memory", async (format) => {
    const store = storeOf();
    const bytes = await telling(format);
    const gate = Promise.withResolvers<void>();
    const last = Math.ceil(bytes.length / store.pieceBytes) - 1;
    store.onPiece = (_key, index) => (index < last ? Promise.resolve() : gate.promise);
    const { full } = await pageImages(store);
    const { stream } = await full(stored(store, "a", bytes), 1);
    let seenBytes = 0;
    stream.on("data", (piece: Buffer) => void (seenBytes += piece.length));
    for (let turn = 0; turn < 10_000 && seenBytes < bytes.length - 2 * store.pieceBytes; turn++) await setImmediate();
    expect(seenBytes).toBeGreaterThanOrEqual(bytes.length - 2 * store.pieceBytes);
    const ended = new Promise((resolve) => stream.once("end", resolve));
    gate.resolve();
    await ended;
  });

  it("fails for a file that is shorter or longer than recorded", async () => {
    const store = storeOf();
    const { full } = await pageImages(store);
    const whole = stored(store, "a.png", await telling("png"));
    const bytes = store.files.get("a.png")!;
    const read = async (): Promise<Buffer> => buffer((await full(whole, 1)).stream);
    store.files.set("a.png", bytes.subarray(0, -3_000));
    await expect(read()).rejects.toBeInstanceOf(TransientError);
    store.files.set("a.png", Buffer.concat([bytes, bytes]));
    await expect(read()).rejects.toBeInstanceOf(Error);
    store.files.set("a.png", Buffer.alloc(bytes.length));
    await expect(read()).rejects.toBeInstanceOf(RejectError);
    store.files.delete("a.png");
    await expect(read()).rejects.toBeInstanceOf(TransientError);
    store.files.set("a.png", bytes); // No slot was lost on the way.
    for (let time = 0; time < 5; time++) expect((await read()).length).toBeLessThan(bytes.length);
  });
});

describe("thumb()", () => {
  it("reads a few images ahead while one is encoded", async () => {
    const store = storeOf();
    const gate = Promise.withResolvers<void>();
    store.onPiece = () => gate.promise;
    const { thumb } = await pageImages(store);
    const images = await Promise.all(Array.from({ length: 12 }, (_, index) => makeImage({ seed: index + 1 })));
    const made = images.map((bytes, index) => thumb(stored(store, `${index}.png`, bytes)));
    for (let turn = 0; turn < 100; turn++) await setImmediate();
    expect(store.asked.length).toBeGreaterThanOrEqual(3); // One encoder at least, and two read ahead.
    expect(store.asked.length).toBeLessThanOrEqual(5);
    gate.resolve();
    for (const one of await Promise.all(made)) expect(one.contentType).toBe("image/webp");
  });

  it("makes thumbnails ahead only while nobody waits", async () => {
    const store = storeOf();
    const gate = Promise.withResolvers<void>();
    store.onPiece = () => gate.promise;
    const { thumb, prepare } = await pageImages(store);
    const [first, ...others] = await Promise.all(Array.from({ length: 10 }, (_, index) => makeImage({ seed: index + 1 })));
    const waited = others.map((bytes, index) => thumb(stored(store, `${index}.png`, bytes)));
    for (let turn = 0; turn < 100; turn++) await setImmediate();
    const prepared = prepare(stored(store, "ahead.png", first!));
    gate.resolve();
    await Promise.all([...waited, prepared]);
    expect(store.asked.at(-1)).toBe("ahead.png");
  });
});
