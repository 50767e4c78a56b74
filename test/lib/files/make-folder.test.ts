import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeFolder } from "../../../src/lib/files/make-folder.ts";

const root = mkdtempSync(join(tmpdir(), "comfy-dpo-folder-"));
afterAll(() => rmSync(root, { recursive: true }));

it("makes a folder and those above it, and takes one that is there", () => {
  const path = join(root, "a/b/c");
  makeFolder(path);
  makeFolder(path);
  expect(statSync(path).isDirectory()).toBe(true);
  makeFolder("/");
});

it("says what is in the way", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => makeFolder(join(root, "file"))).toThrow("EEXIST");
  expect(() => makeFolder(join(root, "file/below"))).toThrow("ENOTDIR");
});

it.runIf(process.platform === "linux")("ends where the system takes no folder", () => {
  expect(() => makeFolder("/proc/foo")).toThrow("ENOENT");
  expect(() => makeFolder("/proc/foo/bar")).toThrow("ENOENT");
});
