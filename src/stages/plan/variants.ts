import { isSecretName } from "../../lib/secret-names.ts";
import { placesToSet, type BoundWorkflow } from "../../comfy/graph/prepare-variant.ts";
import type { Config, VariantConfig } from "../../config/schema.ts";
import { ConfigError } from "../../errors.ts";
import { stringifyExact, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";

/** One way to make images, after lists have been multiplied out. */
export interface ExpandedVariant {
  /** `name`, or `name/key=value,…` with sorted keys where the variant has lists. */
  readonly variant: string;
  /** Name of its workflow. */
  readonly workflow: string;
  /** Bound name or place → value. */
  readonly set: JsonObject;
}

/** More than this is a slip of the pen: each variant is made for every prompt and seed. */
const VARIANTS_MAX = 10_000;

/** Keys whose lists are walked together: one key alone, or a zip group. */
interface Axis {
  readonly keys: readonly string[];
  readonly length: number;
}

/**
 * Multiplies out `candidates.variants`: lists in `set` multiply, those of one zip group go together; the first key written
 * changes slowest. Checks every name against the workflows.
 * @throws {ConfigError} for unknown names, lists that do not fit together, equal names, or too many variants (with the arithmetic).
 */
export function expandVariants(
  variants: readonly VariantConfig[],
  workflows: Readonly<Record<string, Pick<BoundWorkflow, "graph" | "bindings">>>,
): readonly ExpandedVariant[] {
  const { total, text } = countVariants(variants);
  if (total > VARIANTS_MAX) {
    throw new ConfigError(`Cannot expand candidates.variants: ${text}; at most ${VARIANTS_MAX} are allowed`, {
      hint: "shorten the lists, or zip those that belong together",
    });
  }
  const expanded = variants.flatMap((variant) => {
    const workflow = workflowOf(variant, Object.keys(workflows));
    const bound = workflows[workflow];
    if (bound !== undefined) for (const [key, value] of Object.entries(variant.set)) checkKey(key, value, { variant, bound });
    return expandOne(variant, workflow);
  });
  const names = new Set<string>();
  for (const { variant } of expanded) {
    if (names.has(variant))
      throw new ConfigError(`Cannot use variant "${variant}": two have this name`, {
        hint: "give each variant its own name, and each list different values",
      });
    names.add(variant);
  }
  return expanded;
}

/** @throws {ConfigError} for a key that names no place, and for a list of secrets: a variant's name shows which of a list it has. */
function checkKey(
  key: string,
  value: VariantConfig["set"][string],
  { variant, bound }: { readonly variant: VariantConfig; readonly bound: Pick<BoundWorkflow, "graph" | "bindings"> },
): void {
  const places = placesToSet(bound, key, `${key} in variant ${variant.name}`);
  if (!Array.isArray(value) || ![key, ...places.map(({ input }) => input)].some(isSecretName)) return;
  throw new ConfigError(
    `Cannot make variants of the list ${key} in variant ${variant.name}: it looks like a secret, and names of variants would show it`,
    {
      hint: "write one value, or variants with names of their own",
    },
  );
}

/** Explains the number of variants: `base 1 + sweep 2 (guidance, lora) × 3 (steps) = 7 variants`. */
export function countVariants(variants: readonly VariantConfig[]): { readonly total: number; readonly text: string } {
  let total = 0;
  const terms = variants.map((variant) => {
    const axes = axesOf(variant);
    total += axes.reduce((product, axis) => product * axis.length, 1);
    return `${variant.name} ${axes.map((axis) => `${axis.length} (${axis.keys.join(", ")})`).join(" × ") || "1"}`;
  });
  return { total, text: `${terms.join(" + ")} = ${total} variant${total === 1 ? "" : "s"}` };
}

/** The bound names that each job fills: what `set` may not touch and what the workflow's hash leaves out. */
export function perJobNames(prompts: Pick<Config["prompts"], "negative" | "columns">): readonly string[] {
  const negative = prompts.negative === undefined ? [] : ["negative"];
  return [...new Set(["prompt", "seed", ...negative, ...Object.keys(prompts.columns)])];
}

function workflowOf(variant: VariantConfig, names: readonly string[]): string {
  const [first] = names;
  if (variant.workflow === undefined) {
    if (first !== undefined && names.length === 1) return first;
    throw new ConfigError(`Cannot expand variant ${variant.name}: it names no workflow, and there are ${names.length}`, {
      hint: `add workflow: ${names.join(" | ")}`,
    });
  }
  if (names.includes(variant.workflow)) return variant.workflow;
  throw new ConfigError(`Cannot expand variant ${variant.name}: no workflow "${variant.workflow}"${didYouMean(variant.workflow, names)}`, {
    hint: `there is ${names.join(", ")}`,
  });
}

function expandOne(variant: VariantConfig, workflow: string): readonly ExpandedVariant[] {
  const axes = axesOf(variant);
  const listed = axes.flatMap((axis) => axis.keys).toSorted();
  let chosen: readonly ReadonlyMap<string, number>[] = [new Map()];
  for (const axis of axes) {
    chosen = chosen.flatMap((indexes) =>
      Array.from({ length: axis.length }, (_, index) => new Map([...indexes, ...axis.keys.map((key): [string, number] => [key, index])])),
    );
  }
  return chosen.map((indexes) => {
    const set = Object.fromEntries(
      Object.entries(variant.set).map(([key, value]): [string, Json] => [key, valueAt(value, indexes.get(key))]),
    );
    const suffix = listed.map((key) => `${key}=${valueText(set[key] ?? null)}`).join(",");
    return { variant: suffix === "" ? variant.name : `${variant.name}/${suffix}`, workflow, set };
  });
}

function valueAt(value: VariantConfig["set"][string], index: number | undefined): Json {
  return Array.isArray(value) ? (value[index ?? 0] ?? null) : value;
}

function valueText(value: Json): string {
  return typeof value === "string" ? value : stringifyExact(value);
}

/** The axes in the order in which their first keys stand in `set`. */
function axesOf(variant: VariantConfig): readonly Axis[] {
  const groupOf = new Map<string, readonly string[]>();
  for (const group of variant.zip) {
    for (const key of group) {
      checkZipped(variant, key, group);
      if (groupOf.has(key)) throw cannotZip(variant, group, `"${key}" is named twice in zip`);
      groupOf.set(key, group);
    }
  }
  const axes = new Map<readonly string[], Axis>();
  for (const [key, value] of Object.entries(variant.set)) {
    if (!Array.isArray(value)) continue;
    const group = groupOf.get(key) ?? [key];
    const first = axes.get(group);
    if (first !== undefined && first.length !== value.length) {
      const lengths = group.map((each) => `${each} has ${lengthOf(variant, each)}`).join(", ");
      throw cannotZip(variant, group, `the lists differ in length: ${lengths}`);
    }
    axes.set(group, first ?? { keys: group, length: value.length });
  }
  return [...axes.values()];
}

function checkZipped(variant: VariantConfig, key: string, group: readonly string[]): void {
  if (!Object.hasOwn(variant.set, key))
    throw cannotZip(variant, group, `"${key}" is not in set${didYouMean(key, Object.keys(variant.set))}`);
  if (!Array.isArray(variant.set[key])) throw cannotZip(variant, group, `"${key}" is a single value, not a list`);
}

function lengthOf(variant: VariantConfig, key: string): number {
  const value = variant.set[key];
  return Array.isArray(value) ? value.length : 1;
}

function cannotZip(variant: VariantConfig, group: readonly string[], why: string): ConfigError {
  return new ConfigError(`Cannot zip [${group.join(", ")}] in variant ${variant.name}: ${why}`);
}
