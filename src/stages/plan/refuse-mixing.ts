import type { Bindings } from "../../comfy/graph/binding.ts";
import { formatPlace, type ApiGraph, type Place } from "../../comfy/graph/graph.ts";
import { graphChanges } from "../../comfy/graph/graph-changes.ts";
import { secretPlaces } from "../../comfy/graph/secrets.ts";
import type { Config } from "../../config/schema.ts";
import type { DatasetRow } from "../../db/queries/overview/dataset.ts";
import type { VariantRow } from "../../db/queries/plan/variants.ts";
import { ConfigError } from "../../errors.ts";
import { parseExact } from "../../lib/exact-json.ts";
import { parsePython } from "../../lib/python-json.ts";
import type { ReadyToPlan } from "./prepare-variants.ts";
import { perJobNames } from "./variants.ts";
import { areDerived } from "./plan.ts";

/** Differences named in one message; a workflow drawn anew has hundreds. */
const CHANGES_SHOWN = 5;

type Remembered = Pick<DatasetRow, "baseSeed">;

/** @throws {ConfigError} where seeds were derived from another base seed. */
export function refuseOtherSeed(config: Pick<Config, "dataset" | "seed" | "candidates">, { baseSeed }: Pick<Remembered, "baseSeed">): void {
  if (baseSeed === null || baseSeed === config.seed.toString() || !areDerived(config.candidates.seeds)) return;
  throw mixing(config, `seed changed from ${baseSeed} to ${config.seed}`, `put seed: ${baseSeed} back, or use another dataset name`);
}

interface Variants {
  readonly known: readonly VariantRow[];
  readonly variants: readonly ReadyToPlan[];
  /** True if any image is, or may be, made of it: what never worked can be corrected under its name. */
  readonly mayHaveImages: (variant: string) => boolean;
  /** True if some prompt of the dataset brings no value for this bound name: the workflow's own stands in its images. */
  readonly lacksValue: (name: string) => boolean;
}

/**
 * @throws {ConfigError} where a variant would make other images under its old name: another graph, or the same graph with the job's
 * values (prompt, seed, columns) in other places or other values in place of empty cells, which its hash does not show.
 */
export function refuseOtherVariants(
  config: Pick<Config, "dataset" | "prompts">,
  { known, variants, mayHaveImages, lacksValue }: Variants,
): void {
  const perJob = perJobNames(config.prompts);
  const before = new Map(known.map((row) => [row.variant, row]));
  for (const variant of variants) {
    const row = before.get(variant.variant);
    if (row === undefined) continue;
    // Written by the planner from checked values of this very type.
    const bindings = parseExact(row.bindings) as unknown as Bindings;
    const moved = perJob.flatMap((name) => movedPlaces(name, bindings[name], variant.bound.bindings[name]));
    const alwaysFilled = perJob.filter((name) => !Object.hasOwn(config.prompts.columns, name) || !lacksValue(name));
    const changes = [...graphChangesOf(row, { variant, bindings, alwaysFilled }), ...moved];
    if (row.workflowSha256 === variant.workflowSha256 && changes.length === 0) continue;
    // Its candidates are others by their hash; those of the same hash would take up what was planned under it.
    if (row.workflowSha256 !== variant.workflowSha256 && !mayHaveImages(variant.variant)) continue;
    // The database keeps no secrets to compare with: where nothing else differs it is one of them.
    const secrets = changes.length > 0 ? [] : secretPlaces(variant.graph).map((place) => `${formatPlace(place)}, a secret`);
    const all = [...changes, ...secrets];
    const shown = all.slice(0, CHANGES_SHOWN).join("; ") + (all.length > CHANGES_SHOWN ? `; and ${all.length - CHANGES_SHOWN} more` : "");
    throw mixing(
      config,
      `the workflow, bind or set of variant "${variant.variant}" changed${shown === "" ? "" : ` (${shown})`}`,
      "put it back, or give the changed variant a new name",
    );
  }
}

function mixing({ dataset }: Pick<Config, "dataset">, what: string, hint: string): ConfigError {
  return new ConfigError(`Cannot go on with dataset "${dataset}": ${what}, which would mix two datasets in one`, { hint });
}

interface Compared {
  readonly variant: ReadyToPlan;
  readonly bindings: Bindings;
  readonly alwaysFilled: readonly string[];
}

function graphChangesOf(row: VariantRow, { variant, bindings, alwaysFilled }: Compared): readonly string[] {
  const filled = alwaysFilled.flatMap((name): readonly Place[] => [...(bindings[name] ?? []), ...(variant.bound.bindings[name] ?? [])]);
  const prefixes = variant.bound.outputs.map((nodeId): Place => ({ nodeId, input: "filename_prefix" }));
  const graph = parsePython(row.graph) as unknown as ApiGraph; // As above.
  return graphChanges(graph, variant.graph, { ignored: [...filled, ...prefixes, ...secretPlaces(variant.graph)] });
}

/** Places in another order are the same places. */
function movedPlaces(name: string, before: readonly Place[] | undefined, now: readonly Place[] = []): readonly string[] {
  const textOf = (places: readonly Place[]): string => places.map(formatPlace).toSorted().join(" and ") || "none";
  const from = before === undefined ? "not bound" : textOf(before);
  return from === textOf(now) ? [] : [`bind.${name}: ${from} → ${textOf(now)}`];
}
