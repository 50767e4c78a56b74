import { inputsOf } from "./graph-links.ts";
import { type InputDefinition, type NodeClass, type NodeClasses, definitionsIn } from "./node-classes.ts";
import { dict, isPyDict, isPyList, type PyDict, type PyValue } from "../python-json.ts";
import {
  PyConversionError,
  pyBool,
  pyEquals,
  pyFloat,
  pyInt,
  pyRepr,
  pyStr,
  typeName,
  keyError,
  PyException,
  traceback,
} from "../python-values.ts";

export interface NodeValidationDeps {
  readonly classes: NodeClasses;
  /** Returns true if LoadImage would find this file. */
  imageExists(name: string): boolean;
}

export interface NodeResult {
  readonly valid: boolean;
  /** The node's own errors: empty if only a node before it is wrong. */
  readonly errors: readonly PyDict[];
}

export interface ValidationState {
  readonly graph: PyDict;
  readonly deps: NodeValidationDeps;
  readonly validated: Map<string, NodeResult>;
  /** Nodes being checked right now: meeting one again is a cycle. */
  readonly visiting: Set<string>;
}

/** Lists longer than this are not repeated in an error. Source: ComfyUI 0.3.64, validate_inputs. */
const LIST_SHOWN_MAX = 20;

/** Checks one node and all before it; converts its constants in place. @throws {PyException} as ComfyUI's check raises. */
export function validateNode(state: ValidationState, nodeId: string): NodeResult {
  const known = state.validated.get(nodeId);
  if (known !== undefined) return known;
  if (state.visiting.has(nodeId)) throw new PyException("RecursionError", "maximum recursion depth exceeded");
  state.visiting.add(nodeId);
  const nodeClass = classOfNode(state, nodeId);
  const node = state.graph.get(nodeId);
  const given = isPyDict(node) ? node.get("inputs") : undefined;
  if (given === undefined) throw keyError("inputs");
  if (!isPyDict(given)) throw new PyException("TypeError", `argument of type '${typeName(given)}' is not iterable`);
  const inputs = inputsOf(state.graph, nodeId);

  const errors: PyDict[] = [];
  let valid = true;
  for (const [name, definition] of liveDefinitions(nodeClass, inputs)) {
    const value = inputs.get(name);
    if (value === undefined) {
      if (definition.category === "required") errors.push(missing(name));
    } else if (isPyList(value)) {
      const outcome = checkLink(state, { name, definition, value });
      if (outcome !== undefined && outcome !== "upstream") errors.push(outcome);
      if (outcome === "upstream") valid = false;
    } else {
      errors.push(...checkConstant(inputs, { name, definition, value, nodeClass }));
    }
  }
  errors.push(...checkImageFile(state, nodeClass, inputs));
  const result: NodeResult = { valid: valid && errors.length === 0, errors };
  state.validated.set(nodeId, result);
  state.visiting.delete(nodeId);
  return result;
}

interface InputCheck {
  readonly name: string;
  readonly definition: InputDefinition;
  readonly value: PyValue;
}

/** An error of this input, "upstream" if a node before it is wrong, undefined if all is well. */
function checkLink(state: ValidationState, { name, definition, value }: InputCheck): PyDict | "upstream" | undefined {
  const link = isPyList(value) ? value : [];
  if (link.length !== 2) {
    const message = "Bad linked input, must be a length-2 list of [node_id, slot_index]";
    return inputError({ type: "bad_linked_input", message, details: name }, { name, definition, value });
  }
  const [from = null, slot = null] = link;
  if (typeof from !== "string" || !state.graph.has(from)) throw keyError(from);
  const received = outputType(classOfNode(state, from), slot);
  if (!typesMatch(received, definition.type)) {
    const details = `${name}, received_type(${received}) mismatch input_type(${pyStr(definition.type)})`;
    const extra = { input_name: name, input_config: configOf(definition), received_type: received, linked_node: value };
    return dict({ type: "return_type_mismatch", message: "Return type mismatch between linked nodes", details, extra_info: dict(extra) });
  }
  try {
    return validateNode(state, from).valid ? undefined : "upstream";
  } catch (error) {
    // ComfyUI notes an exception of the inner check at the node before, and goes on.
    if (!(error instanceof PyException)) throw error;
    state.validated.set(from, { valid: false, errors: [innerException(error, { name, definition, value })] });
    return "upstream";
  }
}

function innerException(error: PyException, { name, definition, value }: InputCheck): PyDict {
  const extra = {
    input_name: name,
    input_config: configOf(definition),
    exception_message: error.message,
    exception_type: error.type,
    traceback: traceback("validate_inputs"),
    linked_node: value,
  };
  const message = "Exception when validating inner node";
  return dict({ type: "exception_during_inner_validation", message, details: error.message, extra_info: dict(extra) });
}

function checkConstant(inputs: PyDict, check: InputCheck & { readonly nodeClass: NodeClass }): PyDict[] {
  const { name, definition, nodeClass } = check;
  let value = check.value;
  try {
    // A list as a constant is wrapped, because a bare one would be a link.
    if (isPyDict(value) && value.has("__value__")) value = value.get("__value__") ?? null;
    value = convert(value, definition.type);
    inputs.set(name, value);
  } catch (error) {
    if (!(error instanceof PyConversionError)) throw error;
    const extra = { input_name: name, input_config: configOf(definition), received_value: value, exception_message: error.message };
    const message = `Failed to convert an input value to a ${pyStr(definition.type)} value`;
    const details = `${name}, ${pyStr(value)}, ${error.message}`;
    return [dict({ type: "invalid_input_type", message, details, extra_info: dict(extra) })];
  }
  // LoadImage has a check of its own for its image, and then ComfyUI leaves out the list.
  if (nodeClass.name === "LoadImage") return [];
  return checkRange({ name, definition, value });
}

function checkRange(check: InputCheck): PyDict[] {
  const { name, definition, value } = check;
  const min = definition.options.get("min");
  if (isNumber(min) && isNumber(value) && value < min) {
    return [
      inputError(
        { type: "value_smaller_than_min", message: `Value ${pyStr(value)} smaller than min of ${pyStr(min)}`, details: name },
        check,
      ),
    ];
  }
  const max = definition.options.get("max");
  if (isNumber(max) && isNumber(value) && value > max) {
    return [
      inputError(
        { type: "value_bigger_than_max", message: `Value ${pyStr(value)} bigger than max of ${pyStr(max)}`, details: name },
        check,
      ),
    ];
  }
  const { type: choices } = definition;
  if (typeof choices === "string" || choices.some((choice) => pyEquals(choice, value))) return [];
  const shown = choices.length <= LIST_SHOWN_MAX;
  const list = shown ? pyRepr(choices) : `(list of length ${String(choices.length)})`;
  const extra = { input_name: name, input_config: shown ? configOf(definition) : null, received_value: value };
  const details = `${name}: '${pyStr(value)}' not in ${list}`;
  return [dict({ type: "value_not_in_list", message: "Value not in list", details, extra_info: dict(extra) })];
}

/** LoadImage's own check (VALIDATE_INPUTS). */
function checkImageFile(state: ValidationState, nodeClass: NodeClass, inputs: PyDict): PyDict[] {
  const image = inputs.get("image");
  if (nodeClass.name !== "LoadImage" || isPyList(image)) return [];
  if (image === undefined)
    throw new PyException("TypeError", "LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'");
  if (typeof image !== "string") throw new PyException("AttributeError", `'${typeName(image)}' object has no attribute 'endswith'`);
  if (state.deps.imageExists(image)) return [];
  const details = `image - Invalid image file: ${image}`;
  const extra = dict({ input_name: "image" });
  return [dict({ type: "custom_validation_failed", message: "Custom validation failed for node", details, extra_info: extra })];
}

function convert(value: PyValue, type: InputDefinition["type"]): PyValue {
  if (type === "INT") return pyInt(value);
  if (type === "FLOAT") return pyFloat(value);
  if (type === "STRING") return pyStr(value);
  return type === "BOOLEAN" ? pyBool(value) : value;
}

function classOfNode(state: ValidationState, nodeId: string): NodeClass {
  const node = state.graph.get(nodeId);
  const classType = isPyDict(node) ? node.get("class_type") : undefined;
  const nodeClass = typeof classType === "string" ? state.deps.classes.get(classType) : undefined;
  if (nodeClass === undefined) throw keyError(classType ?? "class_type");
  return nodeClass;
}

function outputType(nodeClass: NodeClass, slot: PyValue): string {
  if (typeof slot !== "bigint") {
    throw new PyException("TypeError", `tuple indices must be integers or slices, not ${typeof slot === "string" ? "str" : "float"}`);
  }
  const index = Number(slot);
  const received = nodeClass.outputs[index < 0 ? index + nodeClass.outputs.length : index];
  if (received === undefined) throw new PyException("IndexError", "tuple index out of range");
  return received;
}

function typesMatch(received: string, wanted: InputDefinition["type"]): boolean {
  return received === "*" || wanted === "*" || received === wanted;
}

function isNumber(value: PyValue | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function missing(name: string): PyDict {
  const extra = dict({ input_name: name });
  return dict({ type: "required_input_missing", message: "Required input is missing", details: name, extra_info: extra });
}

interface ErrorHead {
  readonly type: string;
  readonly message: string;
  readonly details: string;
}

function inputError(head: ErrorHead, { name, definition, value }: InputCheck): PyDict {
  return dict({ ...head, extra_info: dict({ input_name: name, input_config: configOf(definition), received_value: value }) });
}

/** `(type, options)` as ComfyUI repeats it in errors. */
function configOf(definition: InputDefinition): PyValue {
  return [definition.type, definition.options];
}

/**
 * The inputs that a node has with what it is given, as ComfyUI 0.33.0 checks them: a choice brings the inputs of its option along (one that
 * is
 * no key brings none, and is not checked itself), an input that grows is so many others.
 */
function liveDefinitions({ inputs }: Pick<NodeClass, "inputs">, given: PyDict): ReadonlyMap<string, InputDefinition> {
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
