import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readWorkflowSource } from "../../../src/commands/init/workflow-source.ts";
import { parseWorkflow } from "../../../src/comfy/graph/workflow.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-source-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const GRAPH = '{"3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615, "denoise": Infinity}, "is_changed": [NaN]}}';

function read(name: string, bytes: Uint8Array) {
  const file = join(dir, name);
  writeFileSync(file, bytes);
  return readWorkflowSource({ args: [file], options: { server: undefined }, signal: new AbortController().signal });
}

const blank = () => sharp({ create: { width: 8, height: 8, channels: 3, background: "#808080" } });

it.each(["jpeg", "webp"] as const)("takes the graph that a node's Python left in the EXIF data of a %s", async (format) => {
  const image = await blank()
    .withExif({ IFD0: { Make: `prompt:${GRAPH}` } })
    .toFormat(format)
    .toBuffer();
  const { text, name, file } = await read(`a.${format}`, image);
  expect(file, "it has to be written").toBeNull();
  expect(parseWorkflow(text, { file: name }).graph).toEqual({
    "3": { class_type: "KSampler", inputs: { seed: 18446744073709551615n, denoise: Infinity } },
  });
});

it.each(["jpeg", "webp"] as const)("says of a %s without a graph that there is none, and what to take", async (format) => {
  await expect(read(`b.${format}`, await blank().toFormat(format).toBuffer())).rejects.toMatchObject({
    message: expect.stringContaining("there is no graph in its EXIF data") as string,
    hint: expect.stringContaining("take a PNG") as string,
  });
});
