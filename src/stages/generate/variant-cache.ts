import type { Bindings } from "../../comfy/graph/binding.ts";
import type { Submission } from "../../comfy/client/submit.ts";
import { type ApiGraph, type Place, withInputs } from "../../comfy/graph/graph.ts";
import { render } from "../../comfy/graph/render.ts";
import type { Context } from "../../context.ts";
import type { JobRow } from "../../db/queries/jobs/jobs.ts";
import { referenceQueries } from "../../db/queries/plan/references.ts";
import { findVariant } from "../../db/queries/plan/variants.ts";
import { filenamePrefixOf, uploadedNameOf } from "../../identity.ts";
import { isJsonObject, parseExact, type JsonObject, type Json } from "../../lib/exact-json.ts";
import { parsePython } from "../../lib/python-json.ts";
import { secretPlaces } from "../../comfy/graph/secrets.ts";
import { extraDataOf } from "../../comfy/graph/workflow.ts";
import type { Config } from "../../config/schema.ts";
import { prepareVariants } from "../plan/prepare-variants.ts";

/** A variant read from its row, ready to make jobs from. */
export interface ReadyVariant {
  readonly graph: ApiGraph;
  readonly bindings: Bindings;
  readonly outputs: readonly string[];
  /** The name of the workflow that it is made of. */
  readonly workflow: string;
  /** Values that all of its jobs share, by the name they are known by. */
  readonly params: JsonObject;
  readonly loaderSignature: string;
  /** "" where the workflow names none. */
  readonly model: string;
}

export type VariantCache = ReturnType<typeof variantCache>;

/** Variants by name, each read from the database once. Only with what is held back from it (readHeldBack) jobs can be rendered. */
export function variantCache({ db, config }: Pick<Context, "db" | "config">, heldBack: ReadonlyMap<string, HeldBack> = new Map()) {
  const cache = new Map<string, ReadyVariant>();
  const references = referenceQueries(db);

  function get(name: string): ReadyVariant {
    const cached = cache.get(name);
    if (cached !== undefined) return cached;
    const row = findVariant(db, name);
    if (row === undefined) throw new Error(`variant "${name}" has jobs but no row`); // A foreign key rules it out.
    const params = parsePython(row.params);
    const ready: ReadyVariant = {
      // Written by the planner from checked values of these very types.
      graph: parsePython(row.graph) as unknown as ApiGraph,
      bindings: parseExact(row.bindings) as unknown as Bindings,
      outputs: parseExact(row.outputs) as readonly string[],
      workflow: row.workflow,
      params: isJsonObject(params) ? params : {},
      loaderSignature: row.loaderSignature,
      model: row.model,
    };
    cache.set(name, ready);
    return ready;
  }

  /** Bound name → value of this job. */
  function valuesOf(job: JobRow): JsonObject {
    const bound = parseExact(job.bound);
    return {
      ...(isJsonObject(bound) ? bound : {}),
      ...uploadedNames(job),
      prompt: job.sent,
      ...(config.prompts.negative === undefined ? {} : { negative: job.negative }),
      seed: BigInt(job.seed),
    };
  }

  /** Bound name → what the server calls its image. */
  function uploadedNames(job: JobRow): JsonObject {
    const named = job.references === "{}" ? {} : parseExact(job.references);
    if (!isJsonObject(named)) throw new Error(`the references of ${job.promptKey} are no object`);
    return Object.fromEntries(
      Object.entries(named).map(([name, sha256]) => {
        const file = typeof sha256 === "string" ? references.find(sha256) : undefined;
        if (file === undefined) throw new Error(`the image "${name}" of ${job.promptKey} is not in the plan`); // The plan writes it first.
        return [name, uploadedNameOf(file.sha256, file.extension)];
      }),
    );
  }

  return {
    get,
    /** The inputs that the job fills with values of its own. */
    placesOf: (job: JobRow): readonly Place[] => Object.keys(valuesOf(job)).flatMap((name) => get(job.variant).bindings[name] ?? []),
    /** Makes the body of POST /prompt for a job. It is equal for every attempt and server. */
    render(job: JobRow): Pick<Submission, "prompt" | "extraData"> {
      const { graph, bindings, outputs } = get(job.variant);
      const { extraData, secrets } = heldBack.get(job.variant) ?? NOTHING_HELD_BACK;
      const filenamePrefix = filenamePrefixOf(config.dataset, job.job);
      const options = { bindings, values: valuesOf(job), outputs, filenamePrefix, saveAs: config.generate.save_as };
      return { prompt: render(withInputs(graph, secrets), options), extraData };
    },
  };
}

/** Secrets that a variant's jobs are sent with and the database does not keep. */
export interface HeldBack {
  readonly extraData: JsonObject;
  readonly secrets: readonly (readonly [Place, Json])[];
}

const NOTHING_HELD_BACK: HeldBack = { extraData: {}, secrets: [] };

/**
 * Reads from workflow files and configuration what jobs are sent and the database does not keep, by variant.
 * @throws {ConfigError} as prepareVariants() does, which planning has just called.
 */
export async function readHeldBack(config: Parameters<typeof prepareVariants>[0] & Pick<Config, "workflows">) {
  // Planning has just asked the servers whose the nodes are.
  const variants = await prepareVariants(config, { refuse: () => undefined });
  return new Map(
    variants.map(({ variant, graph, wrapper }): [string, HeldBack] => [
      variant,
      {
        extraData: extraDataOf(wrapper),
        secrets: secretPlaces(graph).map((place) => [place, graph[place.nodeId]?.inputs[place.input] ?? null] as const),
      },
    ]),
  );
}
