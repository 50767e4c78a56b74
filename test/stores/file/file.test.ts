import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError, FatalError, TransientError } from "../../../src/errors.ts";
import { fileError } from "../../../src/stores/file/file-errors.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import { objectStoreContract } from "../../contracts/object-store.ts";

const PNG = { contentType: "image/png" };

async function emptyStore() {
  const dir = await mkdtemp(join(tmpdir(), "comfy-dpo-store-"));
  return { dir, store: fileStore(pathToFileURL(dir).href), close: () => rm(dir, { recursive: true, force: true }) };
}

objectStoreContract("file", emptyStore);

describe("fileStore()", () => {
  let opened: Awaited<ReturnType<typeof emptyStore>>;
  beforeAll(async () => {
    opened = await emptyStore();
  });
  afterAll(() => opened.close());

  test.each(["file:relative", "images", "s3://bucket", "file://host/share"])("refuses the URI %s", (uri) => {
    expect(() => fileStore(uri)).toThrow(ConfigError);
  });

  test("removes what a killed process left, and nothing of a living one", async () => {
    const { store, dir } = opened;
    const partial = join(dir, ".partial");
    await mkdir(partial);
    const [dead, alive, foreign] = [`${hostname()}.4194304.7`, `${hostname()}.${process.pid}.999`, "other-host.1.1"];
    for (const name of [dead, alive, foreign]) await writeFile(join(partial, name), "half");
    await store.put("a", Buffer.from("x"), 1, PNG);
    expect(new Set(await readdir(partial))).toEqual(new Set([alive, foreign]));
  });

  test("leaves no temporary file behind, whatever happened", async () => {
    const { store, dir, close } = await emptyStore();
    await store.putNew("a", Readable.from([Buffer.from("x")]), 1, PNG);
    await store.putNew("a", Readable.from([Buffer.from("x")]), 1, PNG);
    await expect(store.putNew("b", Readable.from([Buffer.from("x")]), 2, PNG)).rejects.toThrow("announced 2 bytes");
    await expect(store.put("../b", Buffer.from("x"), 1, PNG)).rejects.toThrow("Bad object key");
    expect(await readdir(join(dir, ".partial"))).toEqual([]);
    await close();
  });

  test("readInto() fills memory with an object of its length, and answers another's length", async () => {
    const { store, close } = await emptyStore();
    const bytes = randomBytes(3_000_000);
    await store.put("a/b", bytes, bytes.length, PNG);
    const memory = Buffer.alloc(bytes.length + 2);
    expect(await store.readInto?.("a/b", memory.subarray(1, -1))).toBe(bytes.length);
    expect(memory.subarray(1, -1).equals(bytes)).toBe(true);
    expect([memory.at(0), memory.at(-1)]).toEqual([0, 0]);
    for (const length of [0, 10, bytes.length + 2]) expect(await store.readInto?.("a/b", Buffer.alloc(length))).toBe(bytes.length);
    expect(await store.readInto?.("a/none", memory)).toBe(null);
    await store.put("empty", Buffer.alloc(0), 0, PNG);
    expect(await store.readInto?.("empty", Buffer.alloc(0))).toBe(0);
    await close();
  });

  test("readInto() classes what goes wrong", async () => {
    const { store, dir, close } = await emptyStore();
    await mkdir(join(dir, "folder"));
    const { size } = await stat(join(dir, "folder"));
    await expect(store.readInto?.("folder", Buffer.alloc(size))).rejects.toBeInstanceOf(FatalError);
    await close();
  });

  test("putFile() names a file without copying it, replaces what was there, and leaves nothing beside it", async () => {
    const { store, dir, close } = await emptyStore();
    const file = join(dir, "..", `${basename(dir)}.spooled`);
    await writeFile(file, "spooled");
    await store.put("v1/a", Buffer.from("older"), 5, PNG);
    for (const key of ["v1/a", "v1/a", "v2/b"]) expect(await store.putFile?.(key, file)).toBe(true);
    const inodes = await Promise.all([file, join(dir, "v1/a"), join(dir, "v2/b")].map(async (path) => (await stat(path)).ino));
    expect(new Set(inodes).size).toBe(1);
    await rm(file);
    expect(await readFile(join(dir, "v1/a"), "utf8")).toBe("spooled");
    expect(await readdir(join(dir, ".partial"))).toEqual([]);
    await expect(store.putFile?.("v1/c", file)).rejects.toBeInstanceOf(FatalError);
    await close();
  });

  test("does not make its folder for reading", async () => {
    const store = fileStore(pathToFileURL(join(opened.dir, "absent")).href);
    expect(await store.head("a")).toBeNull();
    expect(await store.get("a")).toBeNull();
    expect(await Array.fromAsync(store.list(""))).toEqual([]);
    expect(await readdir(opened.dir)).not.toContain("absent");
  });

  test("list() shows no temporary file", async () => {
    const { store, close } = await emptyStore();
    await store.put("a", Buffer.from("x"), 1, PNG);
    expect(await Array.fromAsync(store.list(""))).toEqual([{ key: "a", sizeBytes: 1, modifiedAtMs: expect.any(Number) }]);
    await close();
  });

  test("a file where a folder is needed is a FatalError", async () => {
    const { store, dir, close } = await emptyStore();
    await writeFile(join(dir, "images"), "not a folder");
    await expect(store.putNew("images/a", Readable.from([Buffer.from("x")]), 1, PNG)).rejects.toBeInstanceOf(FatalError);
    await close();
  });
});

test("a store whose folder becomes a file in the middle says that, whatever is written", async () => {
  const { store, dir, close } = await emptyStore();
  await store.put("images/a", Buffer.from("x"), 1, PNG);
  const slow = new PassThrough();
  const held = store.putNew("images/b", slow, 3, PNG);
  slow.write("o");
  await expect.poll(async () => (await readdir(join(dir, ".partial"))).length).toBe(1);
  await rm(dir, { recursive: true });
  await writeFile(dir, "no folder");
  slow.end("ne");
  await expect(held).rejects.toBeInstanceOf(FatalError);
  await expect(store.putNew("images/c", Buffer.from("x"), 1, PNG)).rejects.toBeInstanceOf(FatalError);
  await expect(store.put("images/c", Buffer.from("x"), 1, PNG)).rejects.toBeInstanceOf(FatalError);
  await close();
});

describe("fileError()", () => {
  const errno = (code: string) => Object.assign(new Error(`${code}: it went wrong, write`), { code, syscall: "write" });

  test.each([
    ["ENOSPC", "free space"],
    ["EDQUOT", "quota"],
    ["EACCES", "write access"],
    ["EROFS", "remount"],
    ["EXDEV", "store.uri"],
  ])("%s stops the run with a hint", (code, hint) => {
    const error = fileError(errno(code), "write /x");
    expect(error).toBeInstanceOf(FatalError);
    expect(error).toMatchObject({ message: expect.stringContaining("Cannot write /x: "), hint: expect.stringContaining(hint) });
  });

  test.each(["EMFILE", "ESTALE", "EBUSY"])("%s is tried again", (code) => {
    expect(fileError(errno(code), "write /x")).toBeInstanceOf(TransientError);
  });

  test("what is no system call's error stays as it is", () => {
    const bug = new TypeError("x is not a function");
    expect(fileError(bug, "write /x")).toBe(bug);
  });
});
