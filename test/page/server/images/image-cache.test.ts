import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openImageCache } from "../../../../src/page/server/images/image-cache.ts";

let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "comfy-dpo-cache-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const nameOf = (letter: string): string => letter.repeat(64);
const never = (): Promise<Uint8Array> => Promise.reject(new Error("made again"));
const bytes = (length: number) => (): Promise<Uint8Array> => Promise.resolve(Buffer.alloc(length, 1));

describe("openImageCache()", () => {
  it("makes an image once, also for many concurrent callers and after a restart", async () => {
    const cache = await openImageCache(folder, { maxBytes: 1_000 });
    let made = 0;
    const make = (): Promise<Uint8Array> => Promise.resolve(Buffer.alloc(10, ++made));
    const all = await Promise.all(Array.from({ length: 20 }, () => cache.get(nameOf("a"), make)));
    expect(made).toBe(1);
    expect(all.every((each) => each.length === 10 && each[0] === 1)).toBe(true);
    const later = await openImageCache(folder, { maxBytes: 1_000 });
    expect([...(await later.get(nameOf("a"), never))]).toEqual(Array.from({ length: 10 }, () => 1));
    expect(later.sizeBytes).toBe(10);
  });

  it("stays below its limit and keeps the most recently used images", async () => {
    const cache = await openImageCache(folder, { maxBytes: 100 });
    for (const letter of ["a", "b", "c"]) await cache.get(nameOf(letter), bytes(30));
    await cache.get(nameOf("a"), never);
    await cache.get(nameOf("d"), bytes(30));
    expect(cache.sizeBytes).toBeLessThanOrEqual(100);
    await cache.get(nameOf("a"), never);
    await cache.get(nameOf("d"), never);
    await expect(cache.get(nameOf("b"), never)).rejects.toThrow("made again");
    expect(readdirSync(folder)).not.toContain(`${nameOf("b")}.webp`);
  });

  it("retries after a failure, and makes deleted images again", async () => {
    const cache = await openImageCache(folder, { maxBytes: 100 });
    await expect(cache.get(nameOf("a"), never)).rejects.toThrow("made again");
    await cache.get(nameOf("a"), bytes(5));
    rmSync(join(folder, `${nameOf("a")}.webp`));
    expect(await cache.get(nameOf("a"), bytes(7))).toHaveLength(7);
    expect(cache.sizeBytes).toBe(7);
  });

  it("removes files that a crash left half-written, and no others", async () => {
    writeFileSync(join(folder, `${nameOf("a")}.webp.1.tmp`), "half");
    writeFileSync(join(folder, "notes.txt"), "mine");
    const cache = await openImageCache(folder, { maxBytes: 100 });
    expect(readdirSync(folder)).toEqual(["notes.txt"]);
    expect(cache.sizeBytes).toBe(0);
  });
});
