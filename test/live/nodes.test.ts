import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { checkAllowedNodes } from "../../src/comfy/nodes/allowed-nodes.ts";
import { parseNodeReplacements } from "../../src/comfy/nodes/node-replacements.ts";
import { parseObjectInfo } from "../../src/comfy/nodes/object-info.ts";
import type { ServerClasses } from "../../src/comfy/client/server-classes.ts";
import { ConfigError } from "../../src/errors.ts";
import { isJsonObject, type JsonObject } from "../../src/lib/exact-json.ts";
import { parsePython } from "../../src/lib/python-json.ts";
import { makeProject, type Project } from "../e2e/project.ts";
import { runCli } from "../helpers/run-cli.ts";

// Against the servers of COMFY_URLS, with the nodes of test/live/nodes/comfy_dpo_live copied into their custom_nodes.

const urls = (process.env["COMFY_URLS"] ?? "").split(",").filter((url) => url !== "");
const NODES = ["ComfyDpoAlwaysRun", "ComfyDpoPlainSaver", "ComfyDpoRaises"];
const PROMPTS = ["a fox", "poison", "a lighthouse", "two cups of tea"];

beforeAll(async () => {
  for (const url of urls) {
    const known = await jsonAt(`${url}/object_info/${NODES[0] ?? ""}`);
    if (Object.keys(known ?? {}).length === 0) {
      throw new Error(`${url} does not have our nodes: copy test/live/nodes/comfy_dpo_live into its custom_nodes, and start it again`);
    }
  }
});

let project: Project | undefined;
afterEach(() => project?.remove());

async function jsonAt(address: string): Promise<JsonObject | null> {
  const answer = await fetch(address);
  const value = answer.ok ? parsePython(await answer.text()) : null;
  return value !== null && isJsonObject(value) ? value : null;
}

type Nodes = Readonly<Record<string, { readonly class_type: string; readonly inputs: object }>>;

const image = { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: 1, color: 5 } };
const noise = { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: 1, strength: 0.5 } };
const saver = (class_type: string, from: string) => ({ class_type, inputs: { images: [from, 0], filename_prefix: "x" } });

/** A dataset of four prompts × two seeds by these nodes. */
function open(name: string, nodes: Nodes, bind: object = { prompt: "none" }): Project {
  const made = makeProject({
    servers: urls,
    prompts: PROMPTS,
    config: {
      dataset: `live-${name}-${Date.now()}`,
      workflow: { file: "workflow.json", bind: { seed: "2.seed", ...bind }, allow_nodes: ["core", ...NODES] },
      candidates: { per_prompt: 2 },
    },
  });
  project = made;
  writeFileSync(join(made.dir, "workflow.json"), JSON.stringify(nodes));
  return made;
}

describe("custom nodes on a real ComfyUI", () => {
  it("one that is to run each time, which ComfyUI writes as NaN: its images are proven to be their jobs'", async () => {
    const always = { class_type: "ComfyDpoAlwaysRun", inputs: { image: ["2", 0] } };
    const made = open("nan", { "1": image, "2": noise, "3": always, "4": saver("SaveImage", "3") });
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: 8, stored: 8, failed: 0, rejected: 0 });
    expect(made.count("select max(attempt) from jobs")).toBe(1);
    expect(made.count("select count(*) from images where unproven = 1")).toBe(0);
  });

  it("a saver of PNGs without a prompt: its images are taken, and counted as unproven", async () => {
    const made = open("plain", { "1": image, "2": noise, "3": saver("ComfyDpoPlainSaver", "2") });
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: 8, failed: 0, rejected: 0 });
    expect(made.count("select count(*) from images where unproven = 1")).toBe(8);
  });

  it("one that raises for one prompt: that prompt fails alone, after max_attempts", async () => {
    const raises = { class_type: "ComfyDpoRaises", inputs: { image: ["2", 0], text: "" } };
    const made = open("raises", { "1": image, "2": noise, "3": raises, "4": saver("SaveImage", "3") }, { prompt: "3.text" });
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(3);
    expect(events.at(-1)).toMatchObject({ planned: 8, stored: 6, failed: 2 });
    expect(made.column("select distinct detail from jobs where state = 'failed'")).toEqual([
      expect.stringContaining("this prompt is poison"),
    ]);
    expect(made.count("select max(failures) from jobs")).toBe(3);
  });
});

describe("allow_nodes: [core] on a real ComfyUI", () => {
  it.each(urls)("accepts every class that %s calls its own, and refuses every other", async (url) => {
    const answer = (await jsonAt(`${url}/object_info`)) ?? {};
    const replacements = parseNodeReplacements((await jsonAt(`${url}/node_replacements`)) ?? {}) ?? new Map();
    const said: ServerClasses = { url, objectInfo: parseObjectInfo(answer), replacements };
    const accepted: string[] = [];
    for (const name of Object.keys(answer)) if (isAccepted(name, said)) accepted.push(name);
    const own = Object.entries(answer).flatMap(([name, info]) => (isOwn(info as JsonObject) ? [name] : []));
    expect(accepted.length).toBeGreaterThan(300);
    expect(accepted).toEqual(own);
    expect(own.filter((name) => NODES.includes(name))).toEqual([]);
  });
});

function isAccepted(name: string, said: ServerClasses): boolean {
  try {
    checkAllowedNodes({ "1": { class_type: name, inputs: {} } }, ["core"], { servers: [said] });
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** By the server's own words: nodes.py and comfy_extras, and no paid service. */
function isOwn({ python_module: module, api_node: isPaid }: JsonObject): boolean {
  return isPaid !== true && typeof module === "string" && /^(?:nodes$|comfy_extras\.)/.test(module);
}
