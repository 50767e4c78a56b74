import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseObjectInfo } from "../../../src/comfy/nodes/object-info.ts";
import { isJsonObject } from "../../../src/lib/exact-json.ts";
import { parsePython } from "../../../src/lib/python-json.ts";

// `pnpm core-nodes:generate VERSION SOURCE` writes src/comfy/core-nodes.ts: the list that `allow_nodes: [core]` stands for where no server
// is
// there to be asked. SOURCE is the URL of a ComfyUI of that version, or a file with its answer to GET /object_info.

const LINE_CHARS_MAX = 138;

const [version, source] = process.argv.slice(2);
if (version === undefined || source === undefined) throw new Error("usage: pnpm core-nodes:generate VERSION (URL | FILE)");
const text = /^https?:/.test(source) ? await (await fetch(new URL("/object_info", source))).text() : readFileSync(source, "utf8");
const answer = parsePython(text);
if (!isJsonObject(answer)) throw new Error(`${source} is no answer of GET /object_info`);
const names = [...parseObjectInfo(answer)].flatMap(([name, { origin }]) => (origin === "core" ? [name] : [])).toSorted();
const lines = [""];
for (const name of names) {
  const last = lines.at(-1) ?? "";
  if (last !== "" && last.length + name.length + 3 > LINE_CHARS_MAX) lines.push(`${name},`);
  else lines[lines.length - 1] = last === "" ? `${name},` : `${last} ${name},`;
}
writeFileSync(
  join(import.meta.dirname, "../../../src/comfy/nodes/core-nodes.ts"),
  `// Written by \`pnpm core-nodes:generate\` from what GET /object_info answers.

/** The release whose nodes \`allow_nodes: [core]\` stands for where no server says which are its own. */
export const CORE_NODES_VERSION = "${version}";

/** The ${names.length} class_types that ComfyUI ${version} brings along: python_module nodes and comfy_extras, no partner nodes. */
const CORE_NODES = \`
${lines.join("\n")}
\`;

/** The class_types that \`core\` allows. A fresh set: make one a check, not one a node. */
export function coreNodes(): ReadonlySet<string> {
  return new Set(
    CORE_NODES.split(/,\\s*/)
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  );
}
`,
);
process.stdout.write(`${names.length} core nodes of ComfyUI ${version}\n`);
