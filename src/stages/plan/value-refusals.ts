import type { BoundWorkflow, PreparedVariant } from "../../comfy/graph/prepare-variant.ts";
import { placesToSet } from "../../comfy/graph/prepare-variant.ts";
import { boundValues, type BoundValues, type Refusal } from "../../comfy/nodes/bound-values.ts";
import { nodeOf, type Place } from "../../comfy/graph/graph.ts";
import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import type { Json, JsonObject } from "../../lib/exact-json.ts";
import type { SeedRule } from "./plan.ts";

/** What of a variant is compared with what servers take. */
export interface ComparedVariant extends Pick<PreparedVariant, "graph" | "params"> {
  readonly bound: Pick<BoundWorkflow, "graph" | "bindings">;
}

/** A value that the server's nodes do not take. */
export interface ValueRefusal extends Refusal {
  /** `seed`, or what the value is known by. */
  readonly name: string;
  /** Of seeds, the largest that the input takes. */
  readonly max?: number | bigint;
}

/** The values that are the same for many jobs of a variant, and that the server would refuse: seeds, `set` and other bound constants. */
export function variantRefusals(variant: ComparedVariant, rule: SeedRule, classes: ServerClasses): readonly ValueRefusal[] {
  const values = boundValues(variant.graph, classes);
  return [...seedRefusals(variant, rule, values), ...constantsOf(variant).flatMap((constant) => constantRefusal(constant, values))];
}

/** Whole numbers between two steps, which nodes may round. */
export function variantRoundings(variant: ComparedVariant, classes: ServerClasses): readonly string[] {
  const values = boundValues(variant.graph, classes);
  return constantsOf(variant).flatMap(({ place, value }) => values.rounding(place, value) ?? []);
}

/** Derived seeds may be any up to the largest: the range has to fit, not only the seeds of today's prompts. */
function seedRefusals({ bound }: ComparedVariant, rule: SeedRule, values: BoundValues): readonly ValueRefusal[] {
  const seeds = rule.seeds ?? [BigInt(rule.max)];
  return (bound.bindings["seed"] ?? []).flatMap((place) => {
    const refusal = seeds.map((seed) => values.refusal(place, seed)).find((found) => found !== undefined);
    const max = values.maxOf(place);
    return refusal === undefined ? [] : [{ name: "seed", ...refusal, ...(max === undefined ? {} : { max }) }];
  });
}

interface Constant {
  readonly name: string;
  readonly place: Place;
  readonly value: Json;
}

/** The values of `params` as they stand in the graph. */
export function constantsOf({ graph, params, bound }: ComparedVariant): readonly Constant[] {
  return Object.keys(params).flatMap((name) =>
    placesToSet(bound, name, name).flatMap((place) => {
      const value = nodeOf(graph, place.nodeId)?.inputs[place.input];
      return value === undefined || (typeof value === "object" && value !== null) ? [] : [{ name, place, value }];
    }),
  );
}

function constantRefusal({ name, place, value }: Constant, values: BoundValues): readonly ValueRefusal[] {
  const refusal = values.refusal(place, value);
  return refusal === undefined ? [] : [{ name, ...refusal }];
}

/** The values of one prompt that the server would refuse, each with the bound name. */
export function promptRefusals(
  bound: JsonObject,
  { bindings, values }: { readonly bindings: BoundWorkflow["bindings"]; readonly values: BoundValues },
): readonly ValueRefusal[] {
  return Object.entries(bound).flatMap(([name, value]) =>
    (bindings[name] ?? []).flatMap((place) => {
      const refusal = values.refusal(place, value);
      return refusal === undefined ? [] : [{ name, ...refusal }];
    }),
  );
}
