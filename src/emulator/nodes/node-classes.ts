import { isPyDict, isPyList, loadsPython, type PyDict, type PyValue } from "../python-json.ts";

/** One input of a class: its type (a name, or the list of allowed values) and its options (`min`, `max`, `default` …). */
export interface InputDefinition {
  readonly type: string | readonly PyValue[];
  readonly category: "required" | "optional";
  readonly options: PyDict;
}

export interface NodeClass {
  readonly name: string;
  readonly isOutput: boolean;
  readonly inputs: ReadonlyMap<string, InputDefinition>;
  /** RETURN_TYPES. */
  readonly outputs: readonly string[];
  /** The whole entry of /object_info. */
  readonly info: PyDict;
}

/** The files that the loaders offer; `images` is read anew each time, since uploads add to it. */
export interface ModelFiles {
  readonly checkpoints: readonly string[];
  readonly loras: readonly string[];
  readonly vae: readonly string[];
  images(): readonly string[];
}

export interface NodeClasses {
  /** The class as it is now, or undefined. */
  get(name: string): NodeClass | undefined;
  names(): readonly string[];
}

/** All classes that the emulator knows, with this server's files in their lists. */
export function nodeClasses(definitions: string, files: ModelFiles): NodeClasses {
  const entries = new Map<string, PyDict>();
  for (const line of definitions.trim().split("\n")) {
    const info = loadsPython(line);
    if (!isPyDict(info)) continue;
    fill(info, "CheckpointLoaderSimple", "ckpt_name", files.checkpoints);
    fill(info, "LoraLoader", "lora_name", files.loras);
    fill(info, "VAELoader", "vae_name", [...files.vae, "pixel_space"]);
    entries.set(nameOf(info), info);
  }
  const classes = new Map([...entries].map(([name, info]) => [name, classOf(info)]));
  return {
    names: () => [...entries.keys()],
    get: (name) => {
      const info = entries.get(name);
      if (name !== "LoadImage" || info === undefined) return classes.get(name);
      fill(info, "LoadImage", "image", files.images());
      return classOf(info);
    },
  };
}

function classOf(info: PyDict): NodeClass {
  const outputs = info.get("output");
  return {
    name: nameOf(info),
    isOutput: info.get("output_node") === true,
    inputs: definitionsIn(info.get("input")),
    outputs: isPyList(outputs) ? outputs.map(String) : [],
    info,
  };
}

/** The definitions under `required` and `optional`. */
export function definitionsIn(groups: PyValue | undefined): Map<string, InputDefinition> {
  const definitions = new Map<string, InputDefinition>();
  for (const category of ["required", "optional"] as const) {
    const group = isPyDict(groups) ? groups.get(category) : undefined;
    for (const [name, definition] of isPyDict(group) ? group : []) {
      const [type, options] = isPyList(definition) ? definition : [];
      if (typeof type !== "string" && !isPyList(type)) continue;
      definitions.set(name, { type, category, options: isPyDict(options) ? options : new Map() });
    }
  }
  return definitions;
}

/** Puts `values` as the list of input `input`, if `info` is the class `className`. */
function fill(info: PyDict, className: string, input: string, values: readonly string[]): void {
  if (nameOf(info) !== className) return;
  const required = dictAt(dictAt(info, "input"), "required");
  const definition = required.get(input);
  const options = isPyList(definition) ? definition.slice(1) : [];
  required.set(input, [[...values], ...options]);
}

function nameOf(info: PyDict): string {
  const name = info.get("name");
  return typeof name === "string" ? name : "";
}

function dictAt(parent: PyDict, key: string): PyDict {
  const value = parent.get(key);
  return isPyDict(value) ? value : new Map<string, PyValue>();
}
