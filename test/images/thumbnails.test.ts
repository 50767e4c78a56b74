import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { thumbnailPath, removeStaleThumbnails } from "../../src/images/thumbnails.ts";

const dir = mkdtempSync(join(tmpdir(), "comfy-dpo-thumbs-"));
afterAll(() => rmSync(dir, { recursive: true }));
const whole = thumbnailPath(dir, `i_${"0a".repeat(16)}`);
/** Beyond Linux's largest process id, 2^22. */
const DEAD_PID = 4_194_305;

it("removes what dead processes left half-written, and nothing else", async () => {
  await removeStaleThumbnails(dir); // No folder yet.
  const stale = [`${whole}.${DEAD_PID}.tmp`, `${whole}.${process.pid}.tmp`];
  const kept = [whole, `${whole}.${process.ppid}.tmp`, `${whole}.tmp`, join(dirname(whole), `mine.webp.${DEAD_PID}.tmp`)];
  mkdirSync(dirname(whole), { recursive: true });
  for (const path of [...stale, ...kept]) writeFileSync(path, "");
  await removeStaleThumbnails(dir);
  expect(stale.filter((path) => existsSync(path))).toEqual([]);
  expect(kept.filter((path) => existsSync(path))).toEqual(kept);
});
