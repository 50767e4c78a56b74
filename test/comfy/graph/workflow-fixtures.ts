import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import type { ApiGraph } from "../../../src/comfy/graph/graph.ts";
import { parseNodeReplacements } from "../../../src/comfy/nodes/node-replacements.ts";
import { parseObjectInfo, type ObjectInfo } from "../../../src/comfy/nodes/object-info.ts";
import type { ServerClasses } from "../../../src/comfy/client/server-classes.ts";
import { parseWorkflow } from "../../../src/comfy/graph/workflow.ts";
import { ConfigError } from "../../../src/errors.ts";
import { isJsonObject, parseExact, stringifyExact, type Json, type JsonObject } from "../../../src/lib/exact-json.ts";
import { parsePython } from "../../../src/lib/python-json.ts";

const FIXTURES = new URL("../../fixtures/comfyui-0.3.64/", import.meta.url);
const NEWER = new URL("../../fixtures/comfyui-0.33.0/", import.meta.url);

export function readFixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), "utf8");
}

/** A workflow that a real server ran, or refused. */
export function recordedGraph(name: string): ApiGraph {
  return parseWorkflow(readFixture(`${name}.json`), { file: name }).graph;
}

/** A workflow that comes with the package. */
export function bundledGraph(name: string): ApiGraph {
  const text = readFileSync(new URL(`../../../configs/workflows/${name}.json`, import.meta.url), "utf8");
  return parseWorkflow(text, { file: name }).graph;
}

/** What the recorded server said about classes; its list of checkpoints was empty, `checkpoints` fills it. */
export function recordedObjectInfo({ checkpoints = [] }: { readonly checkpoints?: readonly string[] } = {}): ObjectInfo {
  const names = ["CLIPTextEncode", "CheckpointLoaderSimple", "EmptyImage", "EmptyLatentImage", "ImageAddNoise", "ImageBatch", "ImageCrop"];
  const more = ["ImageInvert", "ImageScale", "KSampler", "LoadImage", "PreviewImage", "SaveImage", "SaveImageWebsocket", "VAEDecode"];
  const bodies = [...names, ...more].map((name) => {
    const exchange = object(parseExact(readFixture(`object_info/${name}.json`)));
    return stringifyExact(object(object(exchange["response"])["body"]));
  });
  const filled = bodies.map((body) => body.replace('"ckpt_name":[[]', `"ckpt_name":[${JSON.stringify(checkpoints)}`));
  return parseObjectInfo(Object.assign({}, ...filled.map((body) => object(parseExact(body)))));
}

/** What a real 0.33.0 said about classes and about what it replaces. */
export function newerServer(): ServerClasses {
  const bodyIn = (path: string): JsonObject => {
    const recording = object(parsePython(readFileSync(new URL(path, NEWER), "utf8")));
    return object(object(recording["response"])["body"]);
  };
  const classes = readdirSync(new URL("object_info", NEWER)).map((file) => bodyIn(`object_info/${file}`));
  return {
    url: "http://new:8188",
    objectInfo: parseObjectInfo(Object.assign({}, ...classes)),
    replacements: parseNodeReplacements(bodyIn("http/node_replacements.json")) ?? new Map(),
  };
}

/** A graph written short: id → [class_type, inputs, title?]. */
export function graphOf(nodes: Readonly<Record<string, readonly [string, JsonObject, string?]>>): ApiGraph {
  return Object.fromEntries(
    Object.entries(nodes).map(([id, [classType, inputs, title]]) => [
      id,
      { class_type: classType, inputs, ...(title === undefined ? {} : { _meta: { title } }) },
    ]),
  );
}

/** Runs `action`, expects a ConfigError and gives its message and hint as one text. */
export function configErrorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    if (error instanceof ConfigError) return `${error.message}\nTry: ${error.hint ?? ""}`;
  }
  throw new Error("expected a ConfigError, nothing was thrown");
}

function object(value: Json | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error("expected an object in the fixture");
  return value;
}
