import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Upload, Uploaded } from "../../../../src/comfy/client/upload-image.ts";
import { RejectError, TransientError } from "../../../../src/errors.ts";
import { createUploads } from "../../../../src/stages/generate/server/uploads.ts";

const signal = new AbortController().signal;
const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");

let dir = "";
const paths = new Map<string, string[]>();
const sizes = new Map<string, number>();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-uploads-"));
  paths.clear();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A file of the plan. */
async function plan(name: string, content = name): Promise<string> {
  const sha256 = sha256Of(content);
  await writeFile(join(dir, name), content);
  sizes.set(sha256, content.length);
  paths.set(sha256, [...(paths.get(sha256) ?? []), join(dir, name)]);
  return sha256;
}

const open = () =>
  createUploads({
    find: (sha256) => (paths.has(sha256) ? { sha256, extension: "png", bytes: sizes.get(sha256) ?? 0 } : undefined),
    pathsOf: (sha256) => paths.get(sha256) ?? [],
  });

/** A server that remembers what it was sent; `answer` says where it put it. */
function serverAt(url: string, answer: (upload: Upload) => Partial<Uploaded> | Promise<never> = () => ({})) {
  const received: string[] = [];
  return {
    url,
    received,
    async uploadImage(upload: Upload): Promise<Uploaded> {
      received.push(`${upload.subfolder}/${upload.filename}=${Buffer.from(upload.bytes).toString()}`);
      return { name: upload.filename, subfolder: upload.subfolder, type: upload.type, ...(await answer(upload)) };
    },
  };
}

const job = (id: string, ...hashes: readonly string[]) => ({
  job: id,
  attempt: 1,
  references: JSON.stringify(Object.fromEntries(hashes.map((sha256, index) => [`r${index}`, sha256]))),
});
const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "no failure").catch((error: unknown) => error);

describe("ensure()", () => {
  it("sends each file once to each server, whichever jobs need it", async () => {
    const [a, b] = [await plan("a"), await plan("b")];
    const uploads = open();
    const [first, second] = [serverAt("http://1"), serverAt("http://2")];
    await Promise.all([uploads.ensure(job("1", a, b), first, signal), uploads.ensure(job("2", a, a), first, signal)]);
    await uploads.ensure(job("3", b), first, signal);
    await uploads.ensure(job("4", b), second, signal);
    await uploads.ensure(job("5"), second, signal);
    expect(first.received.toSorted()).toEqual([`comfy-dpo/${b}.png=b`, `comfy-dpo/${a}.png=a`].toSorted());
    expect(second.received).toEqual([`comfy-dpo/${b}.png=b`]);
  });

  it("lets jobs wait for a request that another began", async () => {
    const a = await plan("a");
    const gate = Promise.withResolvers<void>();
    const server = serverAt("http://1");
    const slow = { ...server, uploadImage: async (upload: Upload) => (await gate.promise, server.uploadImage(upload)) };
    const uploads = open();
    const done: string[] = [];
    const waiting = ["1", "2"].map((id) => uploads.ensure(job(id, a), slow, signal).then(() => done.push(id)));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done).toEqual([]);
    gate.resolve();
    await Promise.all(waiting);
    expect(server.received.length).toBe(1);
  });

  it("keeps no server waiting for another that hangs", async () => {
    const hashes = await Promise.all(Array.from({ length: 12 }, (_, index) => plan(String(index))));
    const uploads = open();
    const hanging = serverAt("http://1", () => new Promise<never>(() => undefined));
    for (const sha256 of hashes) void uploads.ensure(job("1", sha256), hanging, signal);
    const other = serverAt("http://2");
    await uploads.ensure(job("2", ...hashes), other, signal);
    expect(other.received.length).toBe(12);
    expect(hanging.received.length).toBe(1);
  });

  it("sends again after a restart, at that server only", async () => {
    const a = await plan("a");
    const uploads = open();
    const servers = [serverAt("http://1"), serverAt("http://2")] as const;
    for (const server of servers) await uploads.ensure(job("1", a), server, signal);
    uploads.forget("http://1");
    for (const server of servers) await uploads.ensure(job("2", a), server, signal);
    expect(servers.map(({ received }) => received.length)).toEqual([2, 1]);
  });

  it.each<Partial<Uploaded>>([{ name: "x (1).png" }, { subfolder: "" }, { name: "..", subfolder: "../.." }])(
    "refuses the answer %j and says so, and asks again for the next job",
    async (answer) => {
      const a = await plan("a");
      const uploads = open();
      const server = serverAt("http://1", () => answer);
      const error = await failure(uploads.ensure(job("1", a), server, signal));
      expect(error).toBeInstanceOf(RejectError);
      expect(error).toMatchObject({ reason: "upload-refused", message: expect.stringContaining("http://1 stored it as") as string });
      await failure(uploads.ensure(job("2", a), server, signal));
      expect(server.received.length).toBe(2);
    },
  );

  it("tells every job that waits of a failure, and tries again afterwards", async () => {
    const a = await plan("a");
    let isDown = true;
    const server = serverAt("http://1", () => (isDown ? Promise.reject(new TransientError("away")) : {}));
    const uploads = open();
    const errors = await Promise.all(["1", "2"].map((id) => failure(uploads.ensure(job(id, a), server, signal))));
    for (const error of errors) expect(error).toBeInstanceOf(TransientError);
    isDown = false;
    await uploads.ensure(job("3", a), server, signal);
    expect(server.received.length).toBe(2);
  });

  it("never sends another image than the planned one", async () => {
    const a = await plan("a");
    const server = serverAt("http://1");
    for (const content of ["b", "longer", null]) {
      if (content === null) await rm(join(dir, "a"));
      else await writeFile(join(dir, "a"), content);
      const error = await failure(open().ensure(job("1", a), server, signal));
      expect(error).toMatchObject({ reason: "reference-changed", message: expect.stringContaining(join(dir, "a")) as string });
    }
    expect(server.received).toEqual([]);
  });

  it("takes the copy of a file that is gone", async () => {
    const a = await plan("a");
    await plan("copy", "a");
    await writeFile(join(dir, "a"), "other");
    const server = serverAt("http://1");
    await open().ensure(job("1", a), server, signal);
    expect(server.received).toEqual([`comfy-dpo/${a}.png=a`]);
  });
});

describe("mistrust()", () => {
  it("doubts what was sent for an earlier job, never what was sent for this one", async () => {
    const a = await plan("a");
    const uploads = open();
    const server = serverAt("http://1");
    await uploads.ensure(job("1", a), server, signal);
    expect(uploads.mistrust(job("1", a), "http://1")).toBe(false);
    expect(uploads.mistrust(job("2"), "http://1")).toBe(false);
    expect(uploads.mistrust(job("2", a), "http://1")).toBe(true);
    expect(uploads.mistrust(job("3", a), "http://1"), "which was sent beside job 2").toBe(true);
    await uploads.ensure(job("2", a), server, signal);
    expect(server.received.length).toBe(2);
    expect(uploads.mistrust(job("2", a), "http://1")).toBe(false);
  });
});
