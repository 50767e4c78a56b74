import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";

/** One input of a class, as a server describes it. */
export interface InputInfo {
  readonly required: boolean;
  /** ComfyUI's type name; "COMBO" for a choice from a list. */
  readonly type: string;
  /** The choices of a COMBO, where the server lists them. */
  readonly choices: readonly Json[] | undefined;
  readonly min: bigint | number | undefined;
  readonly max: bigint | number | undefined;
  /** The distance of the values that the editor offers; the server itself takes those in between. */
  readonly step: bigint | number | undefined;
  /** Takes an uploaded file: the list of choices is only what was there when the server answered. */
  readonly isUpload: boolean;
  /** Brings inputs of its own, named `<name>.…`; undefined for all other inputs. */
  readonly dynamic: DynamicInput | undefined;
}

export type Inputs = ReadonlyMap<string, InputInfo>;

/**
 * An input of ComfyUI's V3 schema (0.8 and later) that brings others along, as the graph fills it.
 * @see https://github.com/Comfy-Org/ComfyUI/blob/v0.33.0/comfy_api/latest/_io.py DynamicCombo, Autogrow, DynamicSlot
 */
export type DynamicInput =
  /** The value is one of the keys, and the inputs of that option come with it. */
  | { readonly kind: "combo"; readonly options: ReadonlyMap<string, Inputs> }
  /** It is never there itself: up to as many inputs as there are names, the first `min` required. */
  | { readonly kind: "autogrow"; readonly names: readonly string[]; readonly min: number; readonly template: InputInfo }
  /** Its inputs come once it is linked. */
  | { readonly kind: "slot"; readonly inputs: Inputs }
  /** A kind that is not known yet: nothing can be said of what belongs to it. */
  | { readonly kind: "unknown" };

/** The maker of a class: ComfyUI itself, a paid partner service that gets the work, or anybody else. */
export type ClassOrigin = "core" | "partner" | "custom";

/** One class, as a server describes it in GET /object_info. */
export interface ClassInfo {
  readonly inputs: Inputs;
  /** Types of its outputs, in order. */
  readonly outputs: readonly string[];
  /** True for nodes that make a prompt worth running (SaveImage). */
  readonly isOutputNode: boolean;
  /** Undefined where the server does not say. */
  readonly origin: ClassOrigin | undefined;
  /** The Python module that it comes from, "" where the server does not say. */
  readonly module: string;
}

/** class_type → what a server says about it. */
export type ObjectInfo = ReadonlyMap<string, ClassInfo>;

/** Types that a widget gives; everything else comes over a link. */
const WIDGET_TYPES: ReadonlySet<string> = new Set(["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "COMFY_DYNAMICCOMBO_V3"]);
/** Names that an input which grows has at most. Source: comfy_api/latest/_io.py, Autogrow._MaxNames. */
const GROWN_MAX = 100;
/** Options within options: as deep as ComfyUI's own classes go, and more. */
const DEPTH_MAX = 8;

/**
 * Reads an answer of GET /object_info or /object_info/CLASS, parsed by parseExact. Lenient, since custom nodes write what
 * they like: an entry that cannot be understood is taken as an optional input of unknown type.
 */
export function parseObjectInfo(answer: JsonObject): ObjectInfo {
  const classes = Object.entries(answer).flatMap(([name, info]): [string, ClassInfo][] =>
    isJsonObject(info) ? [[name, parseClassInfo(info)]] : [],
  );
  return new Map(classes);
}

/** True if the input takes a value from the workflow rather than only another node's output. */
export function isWidgetInput(info: InputInfo): boolean {
  return WIDGET_TYPES.has(info.type);
}

function parseClassInfo(info: JsonObject): ClassInfo {
  const outputs = isJsonArray(info["output"]) ? info["output"] : [];
  const module = typeof info["python_module"] === "string" ? info["python_module"] : "";
  return {
    inputs: parseInputs(info["input"]),
    outputs: outputs.map(typeName),
    isOutputNode: info["output_node"] === true,
    origin: originOf(module, info["api_node"] === true),
    module,
  };
}

/** A class of somebody else that takes the name of a core class comes from somebody else's module: ComfyUI says whose it is now. */
function originOf(module: string, isApiNode: boolean): ClassOrigin | undefined {
  if (isApiNode || isWithin(module, "comfy_api_nodes")) return "partner";
  if (isWithin(module, "nodes") || isWithin(module, "comfy_extras")) return "core";
  return module === "" ? undefined : "custom";
}

const isWithin = (module: string, parent: string): boolean => module === parent || module.startsWith(`${parent}.`);

function parseInputs(value: Json | undefined, depth = 0): Inputs {
  const groups = objectOf(value);
  const inputs = new Map<string, InputInfo>();
  for (const group of ["optional", "required"]) {
    for (const [name, spec] of Object.entries(objectOf(groups[group]))) inputs.set(name, parseInputInfo(spec, group === "required", depth));
  }
  return inputs;
}

/** `[type, options?]`; a list in place of the type is the old way to write a COMBO, whose new one has `options.options`. */
function parseInputInfo(spec: Json, required: boolean, depth: number): InputInfo {
  const [type, second] = isJsonArray(spec) ? spec : [spec];
  const options = objectOf(second);
  const dynamic = typeof type === "string" ? parseDynamic(type, options, depth) : undefined;
  const listed = dynamic?.kind === "combo" ? [...dynamic.options.keys()] : isJsonArray(type) ? type : options["options"];
  return {
    required: required && isJsonArray(spec),
    type: typeName(type ?? null),
    choices: isJsonArray(listed) && options["multiselect"] !== true && options["remote"] === undefined ? listed : undefined,
    min: numberOf(options["min"]),
    max: numberOf(options["max"]),
    step: numberOf(options["step"]),
    isUpload: Object.entries(options).some(([key, value]) => key.endsWith("_upload") && value === true),
    dynamic,
  };
}

function parseDynamic(type: string, options: JsonObject, depth: number): DynamicInput | undefined {
  if (!/AUTOGROW|DYNAMIC/.test(type)) return undefined;
  if (depth >= DEPTH_MAX) return { kind: "unknown" };
  const listed = options["options"];
  if (type.includes("DYNAMICCOMBO") && isJsonArray(listed)) {
    const entries = listed.flatMap((option): [string, Inputs][] => {
      const { key, inputs } = objectOf(option);
      return typeof key === "string" ? [[key, parseInputs(inputs, depth + 1)]] : [];
    });
    return { kind: "combo", options: new Map(entries) };
  }
  if (type.includes("DYNAMICSLOT")) return { kind: "slot", inputs: parseInputs(options["inputs"], depth + 1) };
  const template = objectOf(options["template"]);
  const [first] = parseInputs(template["input"], depth + 1).values();
  const names = namesOf(template);
  if (!type.includes("AUTOGROW") || first === undefined || names === undefined) return { kind: "unknown" };
  return { kind: "autogrow", names, min: Number(numberOf(template["min"]) ?? 0), template: first };
}

/** The names that an input which grows gives its own, undefined where the server does not say. */
function namesOf(template: JsonObject): readonly string[] | undefined {
  const { names, prefix, max } = template;
  if (isJsonArray(names)) return names.filter((name) => typeof name === "string").slice(0, GROWN_MAX);
  const count = Number(numberOf(max) ?? Number.NaN);
  if (typeof prefix !== "string" || !Number.isInteger(count)) return undefined;
  return Array.from({ length: Math.min(Math.max(count, 0), GROWN_MAX) }, (_, index) => `${prefix}${index}`);
}

function numberOf(value: Json | undefined): bigint | number | undefined {
  return typeof value === "number" || typeof value === "bigint" ? value : undefined;
}

function typeName(type: Json): string {
  if (isJsonArray(type)) return "COMBO";
  return typeof type === "string" ? type : "*";
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

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
