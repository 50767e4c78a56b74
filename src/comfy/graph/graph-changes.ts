import { canonicalJson, stringifyExact, type Json } from "../../lib/exact-json.ts";
import { isSecretInput } from "../../lib/secret-names.ts";
import { describeNode, formatPlace, nodeOf, type ApiGraph, type Place } from "./graph.ts";

/** Returns the differences of two graphs, a text each: `4.cfg: 7 → 3`. `ignored` are inputs that each job fills anyway. */
export function graphChanges(before: ApiGraph, after: ApiGraph, { ignored }: { readonly ignored: readonly Place[] }): readonly string[] {
  const skip = new Set(ignored.map(formatPlace));
  const ids = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...ids].flatMap((nodeId) => {
    const [old, now] = [nodeOf(before, nodeId), nodeOf(after, nodeId)];
    if (old === undefined) return [`${describeNode(after, nodeId)} is new`];
    if (now === undefined) return [`${describeNode(before, nodeId)} is gone`];
    const changedClass = old.class_type === now.class_type ? [] : [`${describeNode(after, nodeId)} was a ${old.class_type}`];
    const inputs = new Set([...Object.keys(old.inputs), ...Object.keys(now.inputs)]);
    const changed = [...inputs].flatMap((input) => {
      const place = formatPlace({ nodeId, input });
      if (skip.has(place) || canonicalJson(old.inputs[input] ?? null) === canonicalJson(now.inputs[input] ?? null)) return [];
      if ([old.inputs[input], now.inputs[input]].some((value) => isSecretInput(input, value))) return [`${place}: another secret`];
      return [`${place}: ${textOf(old.inputs[input])} → ${textOf(now.inputs[input])}`];
    });
    return [...changedClass, ...changed];
  });
}

const textOf = (value: Json | undefined): string => (value === undefined ? "nothing" : stringifyExact(value));
