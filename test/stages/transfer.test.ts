import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { heldBuffers } from "../../src/stages/transfer/held-buffers.ts";
import { transfer, type TransferTask } from "../../src/stages/transfer.ts";
import { fileStore } from "../../src/stores/file.ts";

const PREFIX = "test/0ab/0abc";
const PROMPT = JSON.stringify({ "3": { class_type: "SaveImage", inputs: { filename_prefix: PREFIX } } });
const TASK: TransferTask = {
  imageId: `i_${"0ab".padEnd(32, "0")}`,
  source: { filename: "0abc_00001_.png", subfolder: "test/0ab", type: "output" },
  outputNodeId: "3",
  filenamePrefix: PREFIX,
  withoutMetadata: false,
  maxBytes: 1e6,
  metadata: "strip",
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "comfy-dpo-transfer-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Moves a picture, as a server sends it in small pieces, with or without saying its length first. */
async function move(bytes: Buffer, { announced = true, metadata = TASK.metadata } = {}) {
  const store = fileStore(pathToFileURL(folder).href);
  let views = 0;
  const outcome = await transfer(
    { ...TASK, metadata },
    {
      store,
      buffers: heldBuffers(),
      signal: new AbortController().signal,
      client: {
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

  test("another job's picture never becomes an object", async () => {
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
    const first = await move(bytes);
    expect(first.outcome).toMatchObject({ kind: "stored", adopted: false, unproven: true });
    expect(first.stored?.includes("filename_prefix")).toBe(false);
    const second = await move(bytes);
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
