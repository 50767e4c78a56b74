import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import type { Config } from "../../config/schema.ts";
import { ConfigError } from "../../errors.ts";
import type { ReadyToPlan } from "./prepare-variants.ts";
import { boundValues, type BoundValues, type Refusal } from "../../comfy/nodes/bound-values.ts";
import { fitValue } from "../../comfy/graph/fit-value.ts";
import { describeNode, nodeOf, type Place } from "../../comfy/graph/graph.ts";
import { type BoundWorkflow, type PreparedVariant, placesToSet } from "../../comfy/graph/prepare-variant.ts";
import { stringifyExact, type Json, type JsonObject } from "../../lib/exact-json.ts";
import type { PromptRow } from "../../prompts/read-prompts.ts";
import { type SeedRule, seedRuleOf } from "./plan.ts";

export interface RefuseNeeds {
  readonly config: Pick<Config, "seed" | "candidates" | "servers">;
  /** Those that answer. */
  readonly servers: readonly ServerClasses[];
  /** Told of what will not be made somewhere. */
  readonly warn: (message: string) => void;
}

/**
 * Compares seeds and `set` values with what the servers' nodes take, before anything is planned. Models that a server lacks are no mistake
 * of the configuration: they are told, and the variant waits for a server that has them.
 * @throws {ConfigError} where every configured server answers, and none takes a number.
 */
export function refuseValues(variants: readonly ReadyToPlan[], { config, servers, warn }: RefuseNeeds): void {
  const rule = seedRuleOf(config);
  for (const variant of variants) {
    const byServer = servers.map((server) => ({
      url: server.url,
      refusals: variantRefusals(variant, rule, server).filter(({ isCertain }) => isCertain),
    }));
    const numbers = byServer.map(({ refusals }) => refusals.filter(({ kind }) => kind === "out-of-range"));
    const isHopeless = servers.length === config.servers.length && numbers.length > 0 && numbers.every((each) => each.length > 0);
    if (isHopeless) throw hopeless(variant.variant, numbers[0] ?? []);
    for (const { url, refusals } of byServer) {
      if (refusals.length > 0)
        warn(`${url} gets no jobs of variant "${variant.variant}": ${refusals.map(({ message }) => message).join("; ")}`);
    }
    const roundings = new Set(servers.flatMap((server) => variantRoundings(variant, server)));
    for (const rounding of roundings) warn(`variant "${variant.variant}": ${rounding}`);
  }
}

function hopeless(variant: string, refusals: readonly ValueRefusal[]): ConfigError {
  const max = refusals.flatMap(({ name, max: largest }) => (name === "seed" && largest !== undefined ? [largest] : []))[0];
  return new ConfigError(
    `Cannot make variant "${variant}": no server takes its values: ${refusals.map(({ message }) => message).join("; ")}`,
    {
      hint:
        max === undefined
          ? "correct candidates.variants"
          : `set candidates.seeds: { max: ${max} }; seeds that fit already stay as they are`,
    },
  );
}

/**
 * Finds the cells of a prompt that cannot stand in the inputs they are bound to, or that every server would refuse there: known at
 * planning,
 * with the line, instead of at night from a job that fails. Such a prompt fails alone, so that one bad cell of 200,000 stops nothing.
 */
export function unfitCells(
  variants: readonly { readonly workflow: string; readonly bound: BoundWorkflow }[],
  servers: readonly ServerClasses[] = [],
): (row: Pick<PromptRow, "bound">) => readonly string[] {
  // No variant can set what each job fills, so variants of one workflow agree.
  const workflows = [...new Map(variants.map(({ workflow, bound }) => [workflow, bound])).values()].map((bound) => ({
    ...bound,
    values: servers.map((server) => boundValues(bound.graph, server)),
  }));
  return ({ bound }) => [
    ...Object.entries(bound).flatMap(([name, value]) =>
      workflows.flatMap(({ graph, bindings }) =>
        (bindings[name] ?? []).flatMap(({ nodeId, input }) => {
          const present = nodeOf(graph, nodeId)?.inputs[input];
          if (fitValue(value, present) !== undefined) return [];
          return [
            `whose ${name} cannot stand in input "${input}" of ${describeNode(graph, nodeId)}, which holds ${stringifyExact(present ?? null)}: will fail, the others go on`,
          ];
        }),
      ),
    ),
    ...workflows.flatMap(({ bindings, values }) => {
      const refusals = values.map((each) => promptRefusals(bound, { bindings, values: each }).filter(({ isCertain }) => isCertain));
      // A value that one server takes can run there.
      if (refusals.length === 0 || refusals.some((each) => each.length === 0)) return [];
      return (refusals[0] ?? []).map(({ name, nature }) => `whose ${name} is ${nature}, on every server: will fail, the others go on`);
    }),
  ];
}

/** The parts of a variant that are compared with the nodes of servers. */
interface ComparedVariant extends Pick<PreparedVariant, "graph" | "params"> {
  readonly bound: Pick<BoundWorkflow, "graph" | "bindings">;
}

/** A value that the server's nodes do not take. */
interface ValueRefusal extends Refusal {
  /** `seed`, or what the value is known by. */
  readonly name: string;
  /** The largest seed that the input takes. */
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
