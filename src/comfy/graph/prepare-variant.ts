import { ConfigError } from "../../errors.ts";
import { workflowSha256Of } from "../../identity.ts";
import { canonicalJson, stringifyExact, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { resolvePlace, type Bindings } from "./binding.ts";
import { fitValue } from "./fit-value.ts";
import { describeNode, formatPlace, nodeOf, type ApiGraph, type Place, withInputs } from "./graph.ts";
import { loaderSignature, modelOf } from "./loader-signature.ts";
import { dropOtherSavers } from "./outputs.ts";
import { isSecretInput, isSecretName } from "../../lib/secret-names.ts";

/** A workflow with its places found: what variants are made of. */
export interface BoundWorkflow {
  readonly graph: ApiGraph;
  readonly bindings: Bindings;
  readonly outputs: readonly string[];
}

export interface VariantSettings {
  /** Expanded name, for messages. */
  readonly variant: string;
  /** Bound name or place → value. */
  readonly set: JsonObject;
  /** Bound names that each job fills: prompt, seed, negative where a column gives it, columns. */
  readonly perJob: readonly string[];
}

/** Shared by all jobs of a variant. */
export interface PreparedVariant {
  /** The graph after `set`, without savers that are no outputs. */
  readonly graph: ApiGraph;
  /**
   * Hex. Of classes and inputs of `graph`, without the inputs that each job fills and the outputs' filename_prefix; titles do not count.
   */
  readonly workflowSha256: string;
  readonly loaderSignature: string;
  /** First checkpoint or diffusion model, "" where none. */
  readonly model: string;
  /** Values set, and values of bound inputs that no job fills, by the name they are known by. */
  readonly params: JsonObject;
}

/**
 * Applies a variant's `set` to its workflow.
 * @throws {ConfigError} for an unknown name or place, a value that does not fit, or one that each job fills anyway.
 */
export function prepareVariant(workflow: BoundWorkflow, settings: VariantSettings): PreparedVariant {
  const { bindings, outputs } = workflow;
  for (const name of settings.perJob) {
    if (Object.hasOwn(bindings, name)) continue;
    throw new ConfigError(
      `Cannot fill "${name}" for variant ${settings.variant}: its workflow does not bind it${didYouMean(name, Object.keys(bindings))}`,
      {
        hint: `bind ${name} to a place, or to none if the workflow takes no such value`,
      },
    );
  }
  refuseSecretColumns(workflow, settings);
  const filledByJobs = placesFilledByJobs(workflow, settings.perJob);
  const graph = dropOtherSavers(withInputs(workflow.graph, settingsToChanges(workflow, settings, filledByJobs)), outputs);
  const constant = withInputs(
    graph,
    [...filledByJobs.values()].map(({ place }) => [place, undefined] as const),
  );
  return {
    graph,
    workflowSha256: workflowSha256Of(
      canonicalJson(Object.fromEntries(Object.entries(constant).map(([id, { class_type, inputs }]) => [id, { class_type, inputs }]))),
    ),
    loaderSignature: loaderSignature(constant),
    model: modelOf(constant),
    params: withoutSecretParams({ ...boundConstants(graph, bindings, settings.perJob), ...settings.set }, workflow),
  };
}

/** The value of a column is part of the prompt, and rows show it. */
function refuseSecretColumns({ bindings }: BoundWorkflow, { perJob, variant }: VariantSettings): void {
  for (const name of perJob) {
    const place = (bindings[name] ?? []).find(({ input }) => isSecretName(input));
    if (place === undefined) continue;
    throw new ConfigError(
      `Cannot fill "${name}" for variant ${variant} job by job: ${formatPlace(place)} takes a secret, and rows show what each job was given`,
      {
        hint: `leave the secret in the workflow file, or set it once: candidates.variants[].set: { "${formatPlace(place)}": "\${NAME}" }`,
      },
    );
  }
}

/** Rows show params. */
function withoutSecretParams(params: JsonObject, { graph, bindings }: BoundWorkflow): JsonObject {
  const isSecret = (name: string, value: Json): boolean => {
    const places = Object.hasOwn(bindings, name) ? (bindings[name] ?? []) : placesToSet({ graph, bindings }, name, name);
    return [name, ...places.map(({ input }) => input)].some((each) => isSecretInput(each, value));
  };
  return Object.fromEntries(Object.entries(params).filter(([name, value]) => !isSecret(name, value)));
}

/** The places behind a key of `set`: those of the bound name, else the place that it writes out. */
export function placesToSet({ graph, bindings }: Pick<BoundWorkflow, "graph" | "bindings">, key: string, blame: string): readonly Place[] {
  if (Object.hasOwn(bindings, key)) {
    const places = bindings[key] ?? [];
    if (places.length === 0) throw new ConfigError(`Cannot set ${blame}: the workflow binds "${key}" to none`);
    return places;
  }
  if (/^(?:title|class):|\./.test(key)) return [resolvePlace(graph, key, blame)];
  throw new ConfigError(`Cannot set ${blame}: the workflow binds no "${key}"${didYouMean(key, Object.keys(bindings))}`, {
    hint: `it binds ${Object.keys(bindings).join(", ")}; a place (NODE_ID.input) works too`,
  });
}

interface FilledPlace {
  readonly place: Place;
  /** The key of the configuration that fills it, for messages. */
  readonly by: string;
}

/** Place as text → what fills it anew for each job. */
function placesFilledByJobs({ bindings, outputs }: BoundWorkflow, perJob: readonly string[]): ReadonlyMap<string, FilledPlace> {
  const prefixes = outputs.map((nodeId) => ({ place: { nodeId, input: "filename_prefix" }, by: "the program names the files" }));
  const taken = new Set(prefixes.map(({ place }) => formatPlace(place)));
  for (const [name, places] of Object.entries(bindings)) {
    const prefix = places.find((place) => taken.has(formatPlace(place)));
    if (prefix !== undefined) throw new ConfigError(`Cannot bind ${name} to ${formatPlace(prefix)}: the program names the files itself`);
  }
  const bound = perJob.flatMap((name) => (bindings[name] ?? []).map((place) => ({ place, by: `each job has its own ${name}` })));
  return new Map([...prefixes, ...bound].map((filled) => [formatPlace(filled.place), filled]));
}

function settingsToChanges(
  workflow: BoundWorkflow,
  { variant, set }: VariantSettings,
  filledByJobs: ReadonlyMap<string, FilledPlace>,
): readonly (readonly [Place, Json])[] {
  const setBy = new Map<string, string>();
  return Object.entries(set).flatMap(([key, value]) =>
    placesToSet(workflow, key, `${key} in variant ${variant}`).map((place): readonly [Place, Json] => {
      const at = formatPlace(place);
      const refuse = (why: string): ConfigError =>
        new ConfigError(`Cannot set ${key} to ${stringifyExact(value)} in variant ${variant}: ${why}`);
      const filled = filledByJobs.get(at);
      if (filled !== undefined) throw refuse(filled.by);
      const other = setBy.get(at);
      if (other !== undefined) throw refuse(`${other} sets ${at} too`);
      setBy.set(at, key);
      const present = nodeOf(workflow.graph, place.nodeId)?.inputs[place.input];
      const fitted = fitValue(value, present);
      if (fitted === undefined)
        throw refuse(`input "${place.input}" of ${describeNode(workflow.graph, place.nodeId)} holds ${stringifyExact(present ?? null)}`);
      return [place, fitted];
    }),
  );
}

/** Values of the bound inputs that stay the same for all jobs; a name whose places differ has no one value. */
function boundConstants(graph: ApiGraph, bindings: Bindings, perJob: readonly string[]): JsonObject {
  const constants = Object.entries(bindings).flatMap(([name, places]): [string, Json][] => {
    if (perJob.includes(name)) return [];
    const values = places.map(({ nodeId, input }) => nodeOf(graph, nodeId)?.inputs[input] ?? null);
    const [first] = values;
    return first !== undefined && new Set(values.map(canonicalJson)).size === 1 ? [[name, first]] : [];
  });
  return Object.fromEntries(constants);
}
