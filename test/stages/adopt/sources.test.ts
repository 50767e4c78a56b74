import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HistoryEntry, OutputImage } from "../../../src/comfy/client/history-entry.ts";
import { RejectError, TransientError } from "../../../src/errors.ts";
import type { AdoptItem, AdoptSource, FoundImage } from "../../../src/stages/adopt/adopt-source.ts";
import { folderSource } from "../../../src/stages/adopt/folder-source.ts";
import { historySource } from "../../../src/stages/adopt/history-source.ts";
import { jsonlSource } from "../../../src/stages/adopt/jsonl-source.ts";
import { readImage, embeddedPrompt } from "../../../src/stages/adopt/read-image.ts";
import { comfyPng, sd15Graph } from "../../helpers/comfy-png.ts";
import { makeImage } from "../../helpers/images.ts";

const never = new AbortController().signal;
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-adopt-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function itemsOf(source: AdoptSource): Promise<readonly AdoptItem[]> {
  const items: AdoptItem[] = [];
  for await (const item of source.items(never)) items.push(item);
  await source[Symbol.asyncDispose]();
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const isImage = (item: AdoptItem | undefined): item is FoundImage => item?.kind === "image";

describe("folderSource()", () => {
  it("finds images at any depth, with where they lie and their counter", async () => {
    await mkdir(join(dir, "a/b"), { recursive: true });
    const png = comfyPng({ shade: 1 });
    for (const name of ["x_00003_.png", "a/b/Ünï code.PNG", "a/y.jpeg", "notes.txt", ".hidden.png"]) await writeFile(join(dir, name), png);
    await symlink(join(dir, "x_00003_.png"), join(dir, "link.png"));
    await symlink(dir, join(dir, "loop"));
    await symlink("nowhere", join(dir, "broken.png"));
    const items = await itemsOf(folderSource(dir));
    expect(items.map(({ kind, name }) => [kind, name])).toEqual([
      ["image", '"a/b/Ünï code.PNG"'],
      ["image", '"a/y.jpeg"'],
      ["refused", '"broken.png"'],
      ["image", '"link.png"'],
      ["image", '"x_00003_.png"'],
    ]);
    const counters = items.filter(isImage).map(({ claim, origin }) => [origin.subfolder, origin.filename, claim.batchIndex]);
    expect(counters).toContainEqual(["", "x_00003_.png", 2]);
    expect(counters).toContainEqual(["a/b", "Ünï code.PNG", 0]);
  });

  it.each([
    ["half of an image", comfyPng({ shade: 1 }).subarray(0, 900), "truncated"],
    ["a flipped bit", comfyPng({ shade: 1 }).fill(0x55, 900, 901), "corrupt"],
    ["nothing", Buffer.alloc(0), "truncated"],
    ["a page", Buffer.from("<html><body>not found"), "not-an-image"],
  ])("reading %s is refused", async (_what, bytes, reason) => {
    await writeFile(join(dir, "a.png"), bytes);
    const [item] = await itemsOf(folderSource(dir));
    if (!isImage(item)) throw new Error("no image");
    await expect(readImage(item, { maxBytes: 1e6, signal: never })).rejects.toMatchObject({ reason });
  });

  it("refuses what is too large, and what went away", async () => {
    await writeFile(join(dir, "a.png"), comfyPng({ shade: 1 }));
    const [item] = await itemsOf(folderSource(dir));
    if (!isImage(item)) throw new Error("no image");
    await expect(readImage(item, { maxBytes: 100, signal: never })).rejects.toMatchObject({ reason: "too-large" });
    await rm(join(dir, "a.png"));
    await expect(readImage(item, { maxBytes: 1e6, signal: never })).rejects.toMatchObject({ reason: "lost-file" });
  });
});

describe("embeddedPrompt()", () => {
  const graph = JSON.stringify(sd15Graph());
  async function promptOf(bytes: Buffer): Promise<string | null> {
    await writeFile(join(dir, "a.png"), bytes);
    const [item] = await itemsOf(folderSource(dir));
    if (!isImage(item)) throw new Error("no image");
    return embeddedPrompt(await readImage(item, { maxBytes: 1e7, signal: never }));
  }

  it("is a PNG's text chunk, and null where only the editor's workflow is there", async () => {
    expect(await promptOf(comfyPng({ shade: 1, chunks: { prompt: graph } }))).toBe(graph);
    expect(await promptOf(comfyPng({ shade: 1, chunks: { workflow: '{"nodes":[]}' } }))).toBeNull();
  });

  it.each(["jpeg", "webp"] as const)("is what savers leave in a %s's EXIF", async (format) => {
    const plain = sharp(await makeImage());
    expect(await promptOf(await plain.clone().toFormat(format).toBuffer())).toBeNull();
    const tagged = await plain
      .withExif({ IFD0: { Make: 'workflow:{"nodes":[]}', Model: `prompt:${graph}` } })
      .toFormat(format)
      .toBuffer();
    expect(await promptOf(tagged)).toBe(graph);
  });
});

describe("historySource()", () => {
  const image = (changes: Partial<OutputImage> = {}): OutputImage => ({
    nodeId: "7",
    index: 0,
    filename: "a.png",
    subfolder: "s",
    type: "output",
    ...changes,
  });
  const entry = (outputs: readonly OutputImage[]): HistoryEntry => ({
    promptId: "id-1",
    number: 0,
    outputs,
    status: "success",
    error: null,
    cachedNodes: [],
    prompt: { ...sd15Graph(), "8": { class_type: "SaveAnimatedWEBP", inputs: { filename_prefix: "x" } } } as HistoryEntry["prompt"],
    startedAtMs: null,
    mark: null,
    finishedAtMs: null,
  });
  const source = (outputs: readonly OutputImage[]): AdoptSource =>
    historySource({
      client: {
        url: "http://comfy:8188",
        async *historyAll() {
          yield entry(outputs);
        },
        view: () => Promise.resolve({ kind: "missing" }),
      },
      close: () => Promise.resolve(),
    });

  it("takes what saving nodes left, not previews, inputs and films", async () => {
    const items = await itemsOf(
      source([image(), image({ index: 1, filename: "b.png" }), image({ type: "temp" }), image({ type: "input" }), image({ nodeId: "8" })]),
    );
    expect(items.filter(isImage).map(({ origin, claim }) => [origin.filename, claim.batchIndex, claim.promptId])).toEqual([
      ["a.png", 0, "id-1"],
      ["b.png", 1, "id-1"],
    ]);
  });

  it.each([{ filename: "../../etc/passwd" }, { filename: "a\u001b[2J.png" }, { subfolder: "../x" }, { filename: "x".repeat(300) }])(
    "refuses the hostile name %j before any request",
    async (changes) => {
      const [item] = await itemsOf(source([image(changes)]));
      expect(item).toMatchObject({ kind: "refused", reason: "hostile-name" });
      expect(item?.name).toMatch(/^[ -~]+$/);
    },
  );

  it("says that a file is gone", async () => {
    const [item] = await itemsOf(source([image()]));
    if (!isImage(item)) throw new Error("no image");
    await expect(item.open(never)).rejects.toMatchObject({ reason: "lost-file" });
  });
});

describe("jsonlSource()", () => {
  it("gives each line its image or its problem, and goes on", async () => {
    await writeFile(join(dir, "a.png"), comfyPng({ shade: 1 }));
    const lines = [
      '{"prompt":"p","file":"a.png"}',
      "",
      "nonsense",
      '{"prompt":"p","file":"none.png"}',
      '{"prompt":"p","uri":"http://127.0.0.1:9/x.png"}',
    ];
    await writeFile(join(dir, "l.jsonl"), lines.join("\n"));
    const items = await itemsOf(jsonlSource(join(dir, "l.jsonl"), { concurrency: 1 }));
    expect(items.map(({ kind, name }) => [kind, name])).toEqual([
      ["image", "line 1"],
      ["refused", "line 3"],
      ["image", "line 4"],
      ["image", "line 5"],
    ]);
    const images = items.filter(isImage);
    const { body, sizeBytes } = await images[0]!.open(never);
    expect((await buffer(body)).length).toBe(sizeBytes);
    await expect(images[1]!.open(never)).rejects.toBeInstanceOf(RejectError);
    await expect(images[2]!.open(never)).rejects.toBeInstanceOf(TransientError);
  });
});
