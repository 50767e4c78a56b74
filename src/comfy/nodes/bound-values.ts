import { stringifyExact, type Json } from "../../lib/exact-json.ts";
import { fitValue } from "../graph/fit-value.ts";
import { describeNode, nodeOf, type ApiGraph, type Place } from "../graph/graph.ts";
import { replaceNodes } from "./node-replacements.ts";
import { type InputInfo, type Inputs, liveInputs } from "./object-info.ts";
import type { ServerClasses } from "../client/server-classes.ts";
import { didYouMean } from "../../lib/nearest.ts";

/** A value that a server will refuse, and why. */
export interface Refusal extends Pick<ValueProblem, "kind"> {
  /** Names input, node and value. */
  readonly message: string;
  /** The same of any such value: `more than the largest allowed, 20, in input "steps" of node 4 (KSampler)`. */
  readonly nature: string;
  /** False where the node may have checks of its own in place of the list: custom nodes that make their choices anew may take others. */
  readonly isCertain: boolean;
}

/** Compares values that will be written into a graph with what a server's nodes take. */
export interface BoundValues {
  /** Says why the server will refuse the value there. Returns undefined where it takes the value, or does not say. */
  refusal(place: Place, value: Json): Refusal | undefined;
  /** Says that the node may round the value there. Returns undefined where there is nothing to round. */
  rounding(place: Place, value: Json): string | undefined;
  /** The largest number that the input takes, undefined where it has no limit. */
  maxOf(place: Place): number | bigint | undefined;
}

/** Opens the comparison for a graph and a server: what the inputs are is looked up once a node. */
export function boundValues(graph: ApiGraph, classes: ServerClasses): BoundValues {
  const replaced = replaceNodes(graph, classes);
  const byNode = new Map<string, Inputs>();

  function inputsOf(nodeId: string): Inputs {
    const known = byNode.get(nodeId);
    if (known !== undefined) return known;
    const node = nodeOf(replaced.graph, nodeId);
    const info = node === undefined ? undefined : classes.objectInfo.get(node.class_type);
    const inputs: Inputs = node === undefined || info === undefined ? new Map<string, InputInfo>() : liveInputs(info, node.inputs);
    byNode.set(nodeId, inputs);
    return inputs;
  }

  function declaredAt(place: Place): InputInfo | undefined {
    const there = replaced.placeOf(place);
    return there === undefined ? undefined : inputsOf(there.nodeId).get(there.input);
  }

  const originAt = ({ nodeId }: Place): string | undefined =>
    classes.objectInfo.get(nodeOf(replaced.graph, nodeId)?.class_type ?? "")?.origin;

  /** Returns the value as it will be sent. Values that cannot stand there at all are reported elsewhere. */
  const fitted = ({ nodeId, input }: Place, value: Json): Json | undefined => fitValue(value, nodeOf(graph, nodeId)?.inputs[input]);
  const describedPlace = ({ nodeId, input }: Place): string => `input "${input}" of ${describeNode(graph, nodeId)}`;
  const described = (place: Place, value: Json): string => `${describedPlace(place)} would be ${stringifyExact(value)}`;

  return {
    refusal(place, value) {
      const declared = declaredAt(place);
      const sent = fitted(place, value);
      const problem = declared === undefined || sent === undefined ? undefined : valueProblem(sent, declared);
      if (problem === undefined) return undefined;
      const isCertain = problem.kind === "out-of-range" || originAt(place) === "core";
      const nature = `${problem.kind === "out-of-range" ? `${problem.message},` : "none of the choices"} in ${describedPlace(place)}`;
      return { kind: problem.kind, message: `${described(place, value)}, ${problem.message}`, nature, isCertain };
    },
    rounding(place, value) {
      const declared = declaredAt(place);
      const sent = fitted(place, value);
      if (declared === undefined || sent === undefined || !isBetweenSteps(sent, declared)) return undefined;
      return `${described(place, value)}, and the node counts in steps of ${declared.step} from ${declared.min ?? 0}: it may round that`;
    },
    maxOf: (place) => declaredAt(place)?.max,
  };
}

/** The reason why a server refuses a value. */
interface ValueProblem {
  readonly kind: "value-not-in-list" | "out-of-range";
  /** Goes after "… is VALUE, ". */
  readonly message: string;
}

/** Choices named in a message before the rest is only counted. */
const CHOICES_SHOWN = 5;

/** Says why a server would refuse a value of an input, as far as /object_info tells. Returns undefined where it would not. */
export function valueProblem(value: Json, declared: InputInfo): ValueProblem | undefined {
  const { choices, min, max } = declared;
  if (choices !== undefined && !declared.isUpload && !choices.includes(value)) {
    return { kind: "value-not-in-list", message: `which the server does not have${describeChoices(value, choices)}` };
  }
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  if (min !== undefined && value < min) return { kind: "out-of-range", message: `less than the smallest allowed, ${min}` };
  if (max !== undefined && value > max) return { kind: "out-of-range", message: `more than the largest allowed, ${max}` };
  return undefined;
}

/**
 * True for a whole number between two steps of an input. Servers take it, since only the editor keeps to steps, but what the node makes of
 * it is often another number: EmptyLatentImage draws 512 px where 513 are asked for. Decimal steps are only those of the editor's arrows.
 */
export function isBetweenSteps(value: Json, { type, step, min }: Pick<InputInfo, "type" | "step" | "min">): boolean {
  if (type !== "INT" || step === undefined || !isWhole(step) || !isWhole(value)) return false;
  const [number, base, width] = [BigInt(value), isWhole(min) ? BigInt(min) : 0n, BigInt(step)];
  return width > 1n && (number - base) % width !== 0n;
}

function isWhole(value: Json | undefined): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value));
}

function describeChoices(value: Json, choices: readonly Json[]): string {
  if (choices.length === 0) return " (it lists none)";
  const texts = choices.map((choice) => (typeof choice === "string" ? choice : stringifyExact(choice)));
  const near = typeof value === "string" ? didYouMean(value, texts) : "";
  if (near !== "") return near;
  const more = texts.length > CHOICES_SHOWN ? `, … ${texts.length} in all` : "";
  return `; it has ${texts.slice(0, CHOICES_SHOWN).join(", ")}${more}`;
}
