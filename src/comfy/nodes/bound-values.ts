import { stringifyExact, type Json } from "../../lib/exact-json.ts";
import { fitValue } from "../graph/fit-value.ts";
import { describeNode, nodeOf, type ApiGraph, type Place } from "../graph/graph.ts";
import { liveInputs } from "./live-inputs.ts";
import { replaceNodes } from "./node-replacements.ts";
import type { InputInfo, Inputs } from "./object-info.ts";
import type { ServerClasses } from "../client/server-classes.ts";
import { isBetweenSteps, valueProblem, type ValueProblem } from "./value-problem.ts";

/** Why a server will refuse a value. */
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
  /** Why the server will refuse the value there; undefined where it takes it, or does not say. */
  refusal(place: Place, value: Json): Refusal | undefined;
  /** What the node may round there; undefined where there is nothing to round. */
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

  /** As it will be sent; what cannot stand there at all is told elsewhere. */
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
