import { definitionsIn, type InputDefinition, type NodeClass } from "./node-classes.ts";
import { isPyDict, isPyList, type PyDict } from "../python-json.ts";
import { pyStr } from "../python-values.ts";

/**
 * The inputs that a node has with what it is given, as ComfyUI 0.33.0 checks them: a choice brings the inputs of its option along (one that is
 * no key brings none, and is not checked itself), an input that grows is so many others.
 */
export function liveDefinitions({ inputs }: Pick<NodeClass, "inputs">, given: PyDict): ReadonlyMap<string, InputDefinition> {
  const live = new Map<string, InputDefinition>();
  for (const [name, definition] of inputs) expand(name, definition, { given, live });
  return live;
}

interface Expansion {
  readonly given: PyDict;
  readonly live: Map<string, InputDefinition>;
}

function expand(id: string, definition: InputDefinition, { given, live }: Expansion): void {
  const { type, options } = definition;
  if (type === "COMFY_DYNAMICCOMBO_V3") {
    const listed = options.get("options");
    const chosen = (isPyList(listed) ? listed : []).find((option) => isPyDict(option) && option.get("key") === given.get(id));
    if (!isPyDict(chosen)) return;
    live.set(id, definition);
    for (const [name, inner] of definitionsIn(chosen.get("inputs"))) expand(`${id}.${name}`, inner, { given, live });
    return;
  }
  if (type !== "COMFY_AUTOGROW_V3") return void live.set(id, definition);
  const template = options.get("template");
  const [first] = isPyDict(template) ? definitionsIn(template.get("input")).values() : [];
  if (!isPyDict(template) || first === undefined) return;
  const [min, max] = ["min", "max"].map((key) => template.get(key) ?? 0n);
  const prefix = pyStr(template.get("prefix") ?? "");
  for (let index = 0; index < Number(max); index++) {
    const isRequired = index < Number(min) && first.category === "required";
    live.set(`${id}.${prefix}${String(index)}`, { ...first, category: isRequired ? "required" : "optional" });
  }
}
