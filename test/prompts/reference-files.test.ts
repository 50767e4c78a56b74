import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { readPrompts, type PromptRow } from "../../src/prompts/read-prompts.ts";
import { REFERENCE_MAX_BYTES, referenceFiles, type ReferenceOptions } from "../../src/prompts/reference-files.ts";
import { makeImage } from "../helpers/images.ts";

let dir = "";
let refs = "";
const png = await makeImage({ seed: 1 });
const jpeg = await makeImage({ seed: 2, format: "jpeg" });
const webp = await makeImage({ seed: 3, format: "webp" });
const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-references-"));
  refs = join(dir, "refs");
  await mkdir(join(refs, "deep"), { recursive: true });
  const files = {
    "refs/a.png": png,
    "refs/copy.png": png,
    "refs/deep/b.png": jpeg,
    "refs/c": webp,
    "secret.png": png,
    "refs/page.png": "<html>",
  };
  for (const [name, content] of Object.entries({ ...files, "refs/empty.png": "" })) await writeFile(join(dir, name), content);
  await symlink("a.png", join(refs, "link.png"));
  await symlink("../secret.png", join(refs, "out.png"));
  await symlink(dir, join(refs, "up"));
  await symlink("loop.png", join(refs, "loop.png"));
  execFileSync("mkfifo", [join(refs, "pipe.png")]);
  await writeFile(join(refs, "large.png"), png);
  await truncate(join(refs, "large.png"), REFERENCE_MAX_BYTES + 1); // Sparse: no disk is used.
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Rows of prompts that name these files. */
async function read(cells: readonly string[], known?: ReferenceOptions["known"]) {
  const file = join(dir, "prompts.jsonl");
  await writeFile(file, cells.map((cell) => `${JSON.stringify({ prompt: "a fox", pose: cell, w: "7" })}\n`).join(""));
  const references = referenceFiles({ folders: { reference: refs }, ...(known === undefined ? {} : { known }) });
  const warnings: string[] = [];
  const settings = { file, prompt: "prompt", template: "{prompt}", columns: { reference: "pose", width: "w" }, keep: [] };
  const rows: PromptRow[] = [];
  for await (const row of readPrompts(settings, { warn: (message) => warnings.push(message), references }).rows()) rows.push(row);
  return { rows, warnings, files: [...references.files()] };
}

async function failureOf(cell: string): Promise<ConfigError> {
  const failure = await read(["a.png", cell]).catch((error: unknown) => error);
  if (!(failure instanceof ConfigError)) throw new Error(`expected a ConfigError, not ${String(failure)}`);
  return failure;
}

describe("a column of files", () => {
  it("counts by content: the same image under another name is the same prompt, another image another", async () => {
    const { rows } = await read(["a.png", "./copy.png", "link.png", "deep/b.png", "c", ""]);
    const keys = rows.map(({ promptKey }) => promptKey);
    expect(keys.map((key) => keys.indexOf(key))).toEqual([0, 0, 0, 3, 4, 5]);
    expect(rows.map(({ references }) => references["reference"])).toEqual([
      ...Array.from({ length: 3 }, () => sha256Of(png)),
      sha256Of(jpeg),
      sha256Of(webp),
      undefined,
    ]);
    for (const { bound } of rows) expect(bound).toEqual({ width: 7 });
  });

  it("tells formats by content, whatever the name says", async () => {
    const { files } = await read(["a.png", "deep/b.png", "c"]);
    expect(files.map(({ path, extension, bytes }) => [path.slice(refs.length + 1), extension, bytes])).toEqual([
      ["a.png", "png", png.length],
      ["deep/b.png", "jpg", jpeg.length],
      ["c", "webp", webp.length],
    ]);
  });

  it("warns of rows without a file", async () => {
    expect((await read(["a.png", " ", ""])).warnings).toEqual([expect.stringMatching(/2 prompts without a file in column "pose".*line 2/)]);
  });

  it("reads no file again that has the length and time it was hashed with", async () => {
    const [before] = (await read(["a.png"])).files;
    const told = { ...before!, sha256: "0".repeat(64) };
    expect((await read(["a.png"], () => told)).files).toEqual([told]);
    for (const other of [
      { ...told, bytes: 1 },
      { ...told, modifiedAtMs: 1 },
    ])
      expect((await read(["a.png"], () => other)).files[0]?.sha256).toBe(sha256Of(png));
  });
});

describe("a name that cannot be used", () => {
  it.each([
    ["../secret.png", /leaves its folder/],
    ["deep/../../secret.png", /leaves its folder/],
    ["deep/../a.png", /leaves its folder/],
    ["..\\secret.png", /leaves its folder/],
    ["/etc/passwd", /absolute/],
    ["C:\\a.png", /absolute/],
    ["C:a.png", /absolute/],
    ["\\\\host\\share\\a.png", /absolute/],
    ["a.png\0.jpg", /NUL/],
    ["out.png", /a link that leaves its folder/],
    ["up/secret.png", /a link that leaves its folder/],
    ["loop.png", /cannot be read: ELOOP/],
    ["x".repeat(300), /cannot be read: ENAMETOOLONG/],
    ["deep", /is no file/],
    [".", /is no file/],
    ["pipe.png", /is no file/],
    ["page.png", /neither PNG, JPEG nor WebP/],
    ["empty.png", /neither PNG, JPEG nor WebP/],
    ["large.png", /has \d+ bytes; ComfyUI takes no more than/],
    ["a.pgn", /no such file \(did you mean "a\.png"\?\)/],
    ["deep/bb.png", /no such file \(did you mean "deep\/b\.png"\?\)/],
    ["a.png/b.png", /no such file/],
    ["dep/qqqqqqq.png", /no such file$/],
  ])("%j is refused with file, line, column and reason", async (cell, why) => {
    const { message } = await failureOf(cell);
    expect(message).toContain(`${join(dir, "prompts.jsonl")}: line 2 names ${JSON.stringify(cell)} in column "pose", `);
    expect(message).toMatch(why);
  });

  it("is one of a folder that is not there", async () => {
    const references = referenceFiles({ folders: { reference: join(dir, "nowhere") } });
    const place = { promptsFile: "p.csv", at: "line 2", column: "pose" };
    await expect(references.find("reference", "a.png", place)).rejects.toThrow(/nowhere has no such file: there is no such folder/);
  });
});
