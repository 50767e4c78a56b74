import { createHash, hash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addAbortSignal, PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FatalError, TransientError } from "../../../../src/errors.ts";
import type { HeldReading } from "../../../../src/comfy/connection/held-gets.ts";
import { heldBuffers } from "../../../../src/stages/harvest/transfer/held-buffers.ts";
import type { TransferNeeds, TransferTask } from "../../../../src/stages/harvest/transfer/outcome.ts";
import { transfer } from "../../../../src/stages/harvest/transfer/transfer.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import type { ObjectStore } from "../../../../src/stores/object-store.ts";

const PREFIX = "test/0ab/0abc";
const PROMPT = JSON.stringify({ "3": { class_type: "SaveImage", inputs: { filename_prefix: PREFIX } } });
const TASK: TransferTask = {
  imageId: `i_${"0ab".padEnd(32, "0")}`,
  source: { filename: "0abc_00001_.png", subfolder: "test/0ab", type: "output" },
  outputNodeId: "3",
  filenamePrefix: PREFIX,
  embedsPrompt: true,
  askedSize: null,
  maxBytes: 1e6,
  metadata: "strip",
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "comfy-dpo-transfer-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Moves an image, as a server sends it in small pieces, with or without saying its length first. */
async function move(bytes: Buffer, { announced = true, metadata = TASK.metadata, source = TASK.source } = {}) {
  const store = fileStore(pathToFileURL(folder).href);
  let views = 0;
  const outcome = await transfer(
    { ...TASK, metadata, source },
    {
      store,
      buffers: heldBuffers(),
      signal: new AbortController().signal,
      client: {
        viewHeld: () => Promise.resolve(false),
        view() {
          views++;
          const pieces = Array.from({ length: Math.ceil(bytes.length / 777) }, (_, index) =>
            bytes.subarray(index * 777, (index + 1) * 777),
          );
          const body = Readable.from(pieces);
          return Promise.resolve({ kind: "found", body, sizeBytes: announced ? bytes.length : null, contentType: null, etag: null });
        },
      },
    },
  );
  if (outcome.kind !== "stored") return { outcome, views, stored: null };
  const stored = await buffer((await store.get(outcome.key))!);
  expect(outcome.facts).toMatchObject({ sizeBytes: stored.length, sha256: createHash("sha256").update(stored).digest("hex") });
  expect(outcome.adopted || outcome.sourceBytes === bytes.length).toBe(true);
  return { outcome, views, stored };
}

const noise = () =>
  sharp({ create: { width: 61, height: 47, channels: 3, background: "#888", noise: { type: "gaussian", mean: 128, sigma: 60 } } });

/** A PNG with a text chunk before or after its pixels. */
async function png(where: "before" | "after", text = `prompt\0${PROMPT}`): Promise<{ plain: Buffer; bytes: Buffer }> {
  const plain = await noise().png().toBuffer();
  const body = Buffer.from(`tEXt${text}`, "latin1");
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  const at = where === "before" ? 33 : plain.length - 12;
  return { plain, bytes: Buffer.concat([plain.subarray(0, at), chunk, plain.subarray(at)]) };
}

describe("transfer() with metadata: strip", () => {
  test.each([true, false])("a PNG whose length is announced: %s", async (announced) => {
    const { plain, bytes } = await png("before");
    const { stored, outcome, views } = await move(bytes, { announced });
    expect(outcome).toMatchObject({ kind: "stored", unproven: false });
    expect(stored?.includes("filename_prefix")).toBe(false);
    expect(await sharp(stored!).raw().toBuffer()).toEqual(await sharp(plain).raw().toBuffer());
    expect(views).toBe(1);
  });

  test.each([true, false])(
    "a prompt after the pixels, length announced: %s: fetched once more, held in memory, proven, gone",
    async (announced) => {
      const { plain, bytes } = await png("after");
      const { stored, outcome, views } = await move(bytes, { announced });
      expect(outcome).toMatchObject({ kind: "stored", unproven: false });
      expect(stored?.includes("filename_prefix")).toBe(false);
      expect(await sharp(stored!).raw().toBuffer()).toEqual(await sharp(plain).raw().toBuffer());
      expect(views).toBe(2);
    },
  );

  test("another job's image never becomes an object", async () => {
    for (const where of ["before", "after"] as const) {
      const { bytes } = await png(where, `prompt\0${PROMPT.replace("0abc", "0abd")}`);
      expect((await move(bytes)).outcome).toMatchObject({ kind: "bad", error: { reason: "wrong-prompt" } });
    }
    expect(await Array.fromAsync(fileStore(pathToFileURL(folder).href).list(""))).toEqual([]);
  });

  test.each(["jpeg", "webp"] as const)("a %s without its EXIF, stored once, taken as it is the second time", async (format) => {
    const bytes = await noise()
      .toFormat(format)
      .withExif({ IFD0: { ImageDescription: PROMPT } })
      .toBuffer();
    expect(bytes.includes("filename_prefix")).toBe(true);
    const source = { ...TASK.source, filename: `0abc_00001_.${format}` };
    const first = await move(bytes, { source });
    expect(first.outcome).toMatchObject({ kind: "stored", adopted: false, unproven: true });
    expect(first.stored?.includes("filename_prefix")).toBe(false);
    const second = await move(bytes, { source });
    expect(second.outcome).toMatchObject({ kind: "stored", adopted: true });
    expect(second.stored).toEqual(first.stored);
  });

  test("what was stored whole is replaced by what is stripped, and the other way round", async () => {
    const { bytes } = await png("before");
    expect((await move(bytes, { metadata: "keep" })).stored).toEqual(bytes);
    const stripped = await move(bytes);
    expect(stripped.outcome).toMatchObject({ kind: "stored", adopted: false });
    expect(stripped.stored?.includes("filename_prefix")).toBe(false);
    expect((await move(bytes, { metadata: "keep" })).stored).toEqual(bytes);
  });
});

/** Moves the body that a server sends with an announced length, through one buffer (`held`) or as a stream, into a store. */
function moveBody(
  body: Readable,
  sizeBytes: number,
  more: Partial<TransferNeeds> & { readonly maxBytes?: number; readonly held?: boolean } = {},
) {
  const { maxBytes = TASK.maxBytes, held = false, ...needs } = more;
  return transfer(
    { ...TASK, maxBytes, metadata: "keep" },
    {
      store: fileStore(pathToFileURL(folder).href),
      buffers: heldBuffers(),
      signal: new AbortController().signal,
      client: {
        viewHeld: (_source, reading) => (held ? readHeld(body, sizeBytes, reading) : Promise.resolve(false)),
        view: () => Promise.resolve({ kind: "found", body, sizeBytes, contentType: null, etag: null }),
      },
      ...needs,
    },
  );
}

/** Reads a body into the sink as the client does. */
async function readHeld(body: Readable, sizeBytes: number, { sink, maxBytes, signal }: HeldReading): Promise<boolean> {
  if (sizeBytes > maxBytes) return false;
  const memory = sink.begin(sizeBytes);
  let seen = 0;
  for await (const chunk of addAbortSignal(signal, body) as AsyncIterable<Buffer>) {
    memory.set(chunk, seen);
    sink.piece(memory.subarray(seen, (seen += chunk.length)));
  }
  if (seen < sizeBytes) throw Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET" });
  return true;
}

const storedKeys = () => Array.fromAsync(fileStore(pathToFileURL(folder).href).list(""));

describe("transfer() of an image that is streamed", () => {
  test.each([
    ["shorter than announced", (bytes: Buffer) => [bytes.subarray(0, -1)], "truncated"],
    ["longer than announced", (bytes: Buffer) => [bytes, Buffer.from("x")], "corrupt"],
    ["empty", () => [], "truncated"],
    ["with a flipped bit", (bytes: Buffer) => [bytes.subarray(0, 60), flipped(bytes.subarray(60))], "corrupt"],
    ["HTML", (bytes: Buffer) => [Buffer.alloc(bytes.length, "<html>")], "not-an-image"],
  ])("%s: bad, and nothing is stored", async (_what, pieces, reason) => {
    const { bytes } = await png("before");
    expect(await moveBody(Readable.from(pieces(bytes)), bytes.length)).toMatchObject({ kind: "bad", error: { reason } });
    expect(await storedKeys()).toEqual([]);
  });

  test("more than max_image_mb: too large, before it is read", async () => {
    const { bytes } = await png("before");
    const outcome = await moveBody(Readable.from([bytes]), bytes.length, { maxBytes: bytes.length - 1 });
    expect(outcome).toMatchObject({ kind: "bad", error: { reason: "too-large" } });
  });

  test("a connection that breaks, with or without an error: cut", async () => {
    const { bytes } = await png("before");
    const broken = (end: (body: PassThrough) => void): Readable => {
      const body = new PassThrough();
      body.write(bytes.subarray(0, 100));
      setImmediate(() => end(body));
      return body;
    };
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    expect(
      await moveBody(
        broken((body) => body.destroy(reset)),
        bytes.length,
      ),
    ).toMatchObject({ kind: "cut" });
    expect(
      await moveBody(
        broken((body) => body.destroy()),
        bytes.length,
      ),
    ).toMatchObject({ kind: "cut" });
    expect(await storedKeys()).toEqual([]);
  });

  test.each([1_000, 8 * 1024 * 1024])("a server that falls silent in %i bytes: an abort ends it, with its reason", async (sizeBytes) => {
    const abort = new AbortController();
    const reason = new Error("stop");
    const body = new PassThrough(); // Says its length, then nothing.
    const moving = moveBody(body, sizeBytes, { signal: abort.signal, maxBytes: 1e8 });
    setImmediate(() => abort.abort(reason));
    await expect(moving).rejects.toBe(reason);
    expect(body.destroyed).toBe(true);
  });

  test("a server that falls silent for too long: cut", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const moving = moveBody(new PassThrough(), 1_000);
      await vi.advanceTimersByTimeAsync(200_000);
      expect(await moving).toMatchObject({ kind: "cut", error: { message: expect.stringContaining("too slowly") } });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("transfer() of a small image, through one buffer", () => {
  test.each([
    [
      "with a flipped bit",
      (bytes: Buffer) => [bytes.subarray(0, 60), flipped(bytes.subarray(60))],
      { kind: "bad", error: { reason: "corrupt" } },
    ],
    ["HTML", (bytes: Buffer) => [Buffer.alloc(bytes.length, "<html>")], { kind: "bad", error: { reason: "not-an-image" } }],
    ["cut short", (bytes: Buffer) => [bytes.subarray(0, -1)], { kind: "cut" }],
  ])("%s: nothing is stored", async (_what, pieces, outcome) => {
    const { bytes } = await png("before");
    expect(await moveBody(Readable.from(pieces(bytes)), bytes.length, { held: true })).toMatchObject(outcome);
    expect(await storedKeys()).toEqual([]);
  });

  test("an abort ends it, with its reason", async () => {
    const abort = new AbortController();
    const reason = new Error("stop");
    const moving = moveBody(new PassThrough(), 1_000, { signal: abort.signal, held: true });
    setImmediate(() => abort.abort(reason));
    await expect(moving).rejects.toBe(reason);
  });

  test("a store that fails is the store's trouble, one that cannot go on is thrown", async () => {
    const { bytes } = await png("before");
    const failing = (error: Error) => ({
      store: { ...fileStore(pathToFileURL(folder).href), putNew: vi.fn<ObjectStore["putNew"]>().mockRejectedValue(error) },
    });
    const busy = new TransientError("busy");
    expect(await moveBody(Readable.from([bytes]), bytes.length, { ...failing(busy), held: true })).toEqual({
      kind: "store-trouble",
      error: busy,
    });
    const full = new FatalError("full");
    await expect(moveBody(Readable.from([bytes]), bytes.length, { ...failing(full), held: true })).rejects.toBe(full);
  });

  test("buffers are used again, and no image shows what was in one before", async () => {
    const buffers = heldBuffers();
    const [large, small] = [await png("before", `prompt\0${PROMPT}${" ".repeat(2_000)}`), await png("before")];
    for (const { bytes } of [large, small]) {
      await rm(folder, { recursive: true, force: true });
      const outcome = await moveBody(Readable.from([bytes]), bytes.length, { buffers, held: true });
      expect(outcome).toMatchObject({ kind: "stored", facts: { sizeBytes: bytes.length, sha256: hash("sha256", bytes) } });
    }
  });
});

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(200) ^ 1, 200);
  return copy;
}
