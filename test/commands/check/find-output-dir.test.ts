import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findOutputDir } from "../../../src/commands/check/find-output-dir.ts";
import type { ComfyClient } from "../../../src/comfy/client/client.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "comfy-dpo-output-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();

/** A server that has these files in its output folder, and this one in its history. */
function serverWith(files: Readonly<Record<string, string>>, saved?: string): Pick<ComfyClient, "view" | "historyAll"> {
  return {
    view: ({ filename, subfolder }) => {
      const bytes = files[subfolder === "" ? filename : `${subfolder}/${filename}`];
      return Promise.resolve(
        bytes === undefined
          ? { kind: "missing" }
          : { kind: "found", body: Readable.from([Buffer.from(bytes)]), sizeBytes: null, contentType: null, etag: null },
      );
    },
    async *historyAll() {
      if (saved === undefined) return;
      yield {
        promptId: "p",
        number: 1,
        outputs: [{ nodeId: "7", index: 0, filename: saved, subfolder: "", type: "output" }],
        status: "success",
        error: null,
        cachedNodes: [],
        mark: null,
        prompt: {},
        startedAtMs: null,
        finishedAtMs: null,
      };
    },
  };
}

function put(name: string, bytes: string): void {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), bytes);
}

describe("findOutputDir()", () => {
  it("knows the folder by an image in it, whatever else lies there", async () => {
    put("_output_images_will_be_put_here", "");
    put("a/b/c.png", "one");
    expect(await findOutputDir(folder, { client: serverWith({ "a/b/c.png": "one" }), signal })).toEqual({
      kind: "same",
      file: '"a/b/c.png"',
    });
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ["the server does not have", {}, "which the server does not have"],
    ["is another one there", { "c.png": "two" }, "is another image"],
  ])("an image that %s: another folder", async (_what, files, why) => {
    put("c.png", "one");
    expect(await findOutputDir(folder, { client: serverWith(files), signal })).toEqual({
      kind: "other",
      why: expect.stringContaining(why),
    });
  });

  it("an empty folder of a server with images is another one; of a server without, who knows", async () => {
    const client = serverWith({ "c.png": "one" }, "c.png");
    expect(await findOutputDir(folder, { client, signal })).toEqual({ kind: "other", why: expect.stringContaining("has no image") });
    expect(await findOutputDir(folder, { client: serverWith({}, "gone.png"), signal })).toEqual({ kind: "unknown" });
    expect(await findOutputDir(join(folder, "absent"), { client: serverWith({}), signal })).toEqual({ kind: "unknown" });
  });
});
