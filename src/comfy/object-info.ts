import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../lib/exact-json.ts";

/** What a server says about one input of a class. */
export interface InputInfo {
  readonly required: boolean;
  /** ComfyUI's type name; "COMBO" for a choice from a list. */
  readonly type: string;
  /** The choices of a COMBO, where the server lists them. */
  readonly choices: readonly Json[] | undefined;
  readonly min: number | undefined;
  readonly max: bigint | number | undefined;
  /** Takes an uploaded file: the list of choices is only what was there when the server answered. */
  readonly isUpload: boolean;
  /** Stands for inputs named `<name>.…`, as many as the graph has. */
  readonly isDynamic: boolean;
}

/** What a server says about one class, read from GET /object_info. */
export interface ClassInfo {
  readonly inputs: ReadonlyMap<string, InputInfo>;
  /** Types of its outputs, in order. */
  readonly outputs: readonly string[];
  /** True for nodes that make a prompt worth running (SaveImage). */
  readonly isOutputNode: boolean;
}

/** class_type → what a server says about it. */
export type ObjectInfo = ReadonlyMap<string, ClassInfo>;

/** Types that a widget gives; everything else comes over a link. */
const WIDGET_TYPES: ReadonlySet<string> = new Set(["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"]);

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
  const groups = objectOf(info["input"]);
  const inputs = new Map<string, InputInfo>();
  for (const group of ["optional", "required"]) {
    for (const [name, spec] of Object.entries(objectOf(groups[group]))) inputs.set(name, parseInputInfo(spec, group === "required"));
  }
  const outputs = isJsonArray(info["output"]) ? info["output"] : [];
  return { inputs, outputs: outputs.map(typeName), isOutputNode: info["output_node"] === true };
}

/** `[type, options?]`; a list in place of the type is the old way to write a COMBO, whose new one has `options.options`. */
function parseInputInfo(spec: Json, required: boolean): InputInfo {
  const [type, second] = isJsonArray(spec) ? spec : [spec];
  const options = objectOf(second);
  const listed = isJsonArray(type) ? type : options["options"];
  return {
    required: required && isJsonArray(spec),
    type: typeName(type ?? null),
    choices: isJsonArray(listed) && options["multiselect"] !== true && options["remote"] === undefined ? listed : undefined,
    min: typeof options["min"] === "number" ? options["min"] : undefined,
    max: typeof options["max"] === "number" || typeof options["max"] === "bigint" ? options["max"] : undefined,
    isUpload: Object.entries(options).some(([key, value]) => key.endsWith("_upload") && value === true),
    isDynamic: typeof type === "string" && /AUTOGROW|DYNAMIC/.test(type),
  };
}

function typeName(type: Json): string {
  if (isJsonArray(type)) return "COMBO";
  return typeof type === "string" ? type : "*";
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
