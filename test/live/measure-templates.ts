import { readFileSync } from "node:fs";
import { join } from "node:path";
import { coreNodes, CORE_NODES_VERSION } from "../../src/comfy/nodes/core-nodes.ts";
import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../src/lib/exact-json.ts";
import { parsePython } from "../../src/lib/python-json.ts";

// `node test/live/measure-templates.ts FOLDER [URL]` counts the templates under "Image" in FOLDER (`templates` of PyPI's
// comfyui-workflow-templates-json,
// unpacked) whose every class `allow_nodes: [core]` accepts: by the list, or by what a server at URL calls its own. Templates are UI files:
// their classes are the types of their nodes, those of their subgraphs included.

/** What the editor itself resolves; a server never sees it. Source: ComfyUI's frontend, virtual nodes. */
const EDITOR_ONLY = new Set(["Note", "MarkdownNote", "PrimitiveNode", "Reroute"]);

const [folder, url] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node test/live/measure-templates.ts FOLDER [URL]");
const isCore = url === undefined ? isInList() : await isOwnOf(url);
const read = (name: string): Json => parsePython(readFileSync(join(folder, name), "utf8"));

const names = itemsOf(read("index.json"))
  .filter((section) => section["title"] === "Image")
  .flatMap((section) => itemsOf(section["templates"]).map((template) => textOf(template["name"])));
const refused = new Map<string, readonly string[]>();
for (const name of new Set(names)) {
  const foreign = [...new Set(classesIn(read(`${name}.json`)))].filter((type) => !isCore(type));
  if (foreign.length > 0) refused.set(name, foreign);
}
for (const [name, classes] of refused) process.stdout.write(`${name}: ${classes.join(", ")}\n`);
const total = new Set(names).size;
const passed = total - refused.size;
const by = url === undefined ? `the list of ${CORE_NODES_VERSION}` : url;
process.stdout.write(
  `${passed} of ${total} image templates (${((100 * passed) / total).toFixed(1)} %) pass allow_nodes: [core], by ${by}\n`,
);

function isInList(): (name: string) => boolean {
  const core = coreNodes();
  return (name) => core.has(name);
}

async function isOwnOf(server: string): Promise<(name: string) => boolean> {
  const answer = parsePython(await (await fetch(`${server}/object_info`)).text());
  const own = new Set(
    Object.entries(isJsonObject(answer) ? answer : {}).flatMap(([name, info]) => {
      const { python_module: module, api_node: isPaid } = isJsonObject(info) ? info : {};
      return isPaid !== true && typeof module === "string" && /^(?:nodes$|comfy_extras\.)/.test(module) ? [name] : [];
    }),
  );
  return (name) => own.has(name);
}

/** Types of all nodes of a UI file; a node whose type is a subgraph's id stands for that one's nodes. */
function classesIn(file: Json): readonly string[] {
  const top = isJsonObject(file) ? file : {};
  const definitions = isJsonObject(top["definitions"]) ? top["definitions"] : {};
  const subgraphs = itemsOf(definitions["subgraphs"]);
  const ids = new Set(subgraphs.map(({ id }) => textOf(id)));
  return [top, ...subgraphs]
    .flatMap(({ nodes }) => itemsOf(nodes).map(({ type }) => textOf(type)))
    .filter((type) => !ids.has(type) && !EDITOR_ONLY.has(type));
}

function itemsOf(list: Json | undefined): readonly JsonObject[] {
  return list !== undefined && isJsonArray(list) ? list.filter(isJsonObject) : [];
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
