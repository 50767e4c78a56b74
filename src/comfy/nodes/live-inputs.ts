import type { JsonObject } from "../../lib/exact-json.ts";
import type { ClassInfo, InputInfo, Inputs } from "./object-info.ts";

/**
 * The inputs that a node has with the values that it holds: those of its class, and for each dynamic one those that its value brings
 * along, under their whole names (`format.bit_depth`).
 */
export function liveInputs({ inputs }: Pick<ClassInfo, "inputs">, given: JsonObject): Inputs {
  const live = new Map<string, InputInfo>();
  expand(inputs, { given, prefix: "", live });
  return live;
}

interface Expansion {
  readonly given: JsonObject;
  readonly prefix: string;
  readonly live: Map<string, InputInfo>;
}

function expand(inputs: Inputs, { given, prefix, live }: Expansion): void {
  for (const [name, input] of inputs) {
    const id = `${prefix}${name}`;
    const value = Object.hasOwn(given, id) ? given[id] : undefined;
    const inner: Expansion = { given, prefix: `${id}.`, live };
    switch (input.dynamic?.kind) {
      case "combo":
        live.set(id, input);
        expand((typeof value === "string" ? input.dynamic.options.get(value) : undefined) ?? new Map(), inner);
        break;
      case "autogrow": {
        const { names, min, template } = input.dynamic;
        for (const [index, own] of names.entries()) live.set(`${id}.${own}`, { ...template, required: template.required && index < min });
        break;
      }
      case "slot":
        live.set(id, { ...input, required: false });
        if (value !== undefined) expand(input.dynamic.inputs, inner);
        break;
      case "unknown":
        live.set(id, { ...input, required: false });
        break;
      case undefined:
        live.set(id, input);
    }
  }
}
