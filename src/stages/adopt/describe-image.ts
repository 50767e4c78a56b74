import { type ApiGraph, withInputs, nodeOf, type Place } from "../../comfy/graph/graph.ts";
import { modelOf } from "../../comfy/graph/loader-signature.ts";
import { stringifyPython, tryParsePython } from "../../lib/python-json.ts";
import { saverKindOf } from "../../comfy/graph/savers.ts";
import { parseWorkflow } from "../../comfy/graph/workflow.ts";
import { type Config, ADOPTED_VARIANT, type WorkflowConfig } from "../../config/schema.ts";
import type { AdoptedImage } from "../../db/queries/images/adoption.ts";
import { ConfigError, RejectError } from "../../errors.ts";
import { promptKeyOf, workflowSha256Of, SEED_MAX } from "../../identity.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { isSecretInput } from "../../lib/secret-names.ts";
import type { Claim, LineFacts, Origin } from "./adopt-source.ts";
import { resolvePlace } from "../../comfy/graph/binding.ts";

const UNKNOWN_SEED = "-1";
/** Names of model files are shorter; what is longer is cut, since it becomes a variant's name. */
const MODEL_CHARS = 200;

export type DescribeRules = Pick<Config, "workflows" | "prompts">;

/** The columns of an adopted image, without those about its bytes. */
export type Description = Pick<
  AdoptedImage,
  "promptKey" | "prompt" | "negative" | "bound" | "variant" | "model" | "seed" | "workflowSha256" | "params" | "rank"
>;

export interface Described {
  /** Graph embedded in the bytes; null if they carry none. */
  readonly embeddedPrompt: string | null;
  readonly claim: Claim;
  readonly origin: Origin;
}

/**
 * Finds out what an image made elsewhere shows and how it was made. Pure: the same for the same image, in whichever order
 * images come.
 * @throws {RejectError} "no-prompt", "prompt-unbound".
 */
export function describeImage({ embeddedPrompt, claim, origin }: Described, rules: DescribeRules): Description {
  const { line } = claim;
  const graph = graphOf(embeddedPrompt, claim);
  const facts = line === null ? factsFromGraph(graph, rules) : factsFromJsonl(line, { graph, rules });
  const prompt = facts.prompt.toWellFormed();
  const negative = facts.negative.toWellFormed();
  const model = cleanModel(facts.model);
  const identity = { text: prompt, negative, references: {}, bound: facts.bound };
  const columns = {
    promptKey: promptKeyOf(identity),
    prompt,
    negative,
    bound: canonicalJson(facts.bound),
    variant: model === "" ? ADOPTED_VARIANT : `${ADOPTED_VARIANT}/${model}`,
    model,
    seed: facts.seed,
    workflowSha256: facts.workflowSha256,
    params: canonicalJson(facts.params),
  };
  const { promptId, nodeId, batchIndex, precedence } = claim;
  const place = [promptId, nodeId, batchIndex, origin.server, origin.subfolder, origin.filename, origin.type];
  return { ...columns, rank: canonicalJson([precedence, columns.seed === UNKNOWN_SEED ? 1 : 0, columns, place]) };
}

interface Facts {
  readonly prompt: string;
  readonly negative: string;
  readonly bound: JsonObject;
  readonly model: string;
  readonly seed: string;
  readonly params: JsonObject;
  readonly workflowSha256: string | null;
}

/** Describes an image from its graph alone. */
function factsFromGraph(graph: ApiGraph, { workflows, prompts }: DescribeRules): Facts {
  const found = readBindings(
    graph,
    Object.values(workflows).map(({ bind }) => bind),
  );
  return { prompt: found.prompt, ...factsOf(graph, { found, prompts }) };
}

/** Describes an image from a line of JSONL. Its graph, if there is one, adds what the line does not say. */
function factsFromJsonl(line: LineFacts, { graph, rules }: { readonly graph: ApiGraph; readonly rules: DescribeRules }): Facts {
  const found = readOtherBindings(
    graph,
    Object.values(rules.workflows).map(({ bind }) => bind),
  );
  const facts = factsOf(graph, { found, prompts: rules.prompts });
  const params = line.id === null ? facts.params : { ...facts.params, id: line.id };
  const seed = line.seed === null ? facts.seed : line.seed.toString();
  return { ...facts, prompt: line.prompt, negative: line.negative, bound: {}, model: line.model || facts.model, seed, params };
}

type Found = ReturnType<typeof readOtherBindings>;

function factsOf(
  graph: ApiGraph,
  { found: { values, places }, prompts }: { readonly found: Found; readonly prompts: Config["prompts"] },
): Omit<Facts, "prompt"> {
  const { seed, negative, ...others } = values;
  // As in planned prompts: a negative of the prompt's own is part of the prompt, a workflow's is a parameter.
  const isOwnNegative = prompts.negative !== undefined;
  const perPrompt = Object.keys(prompts.columns);
  const isSecret = (name: string, value: Json): boolean =>
    [name, ...(places[name] ?? []).map(({ input }) => input)].some((each) => isSecretInput(each, value));
  const bound = Object.entries(others).filter(([name, value]) => perPrompt.includes(name) && !isSecret(name, value));
  const params = Object.entries(values).filter(
    ([name, value]) => name !== "seed" && !perPrompt.includes(name) && !(name === "negative" && isOwnNegative) && !isSecret(name, value),
  );
  const perJob = ["prompt", "seed", ...(isOwnNegative ? ["negative"] : []), ...perPrompt].flatMap((name) => places[name] ?? []);
  return {
    negative: isOwnNegative && typeof negative === "string" ? negative : "",
    bound: Object.fromEntries(bound),
    model: modelOf(graph),
    seed: seedOf(seed),
    params: Object.fromEntries([...params, ...bound]),
    workflowSha256: Object.keys(graph).length === 0 ? null : graphSha256(graph, perJob),
  };
}

/** As for planned variants: classes and inputs, without the inputs that each job fills and without names of files. */
function graphSha256(graph: ApiGraph, perJob: Found["places"][string]): string {
  const prefixes = Object.entries(graph)
    .filter(([, node]) => saverKindOf(node) !== undefined)
    .map(([nodeId]) => ({ nodeId, input: "filename_prefix" }));
  const constant = withInputs(
    graph,
    [...perJob, ...prefixes].map((place) => [place, undefined] as const),
  );
  const bare = Object.entries(constant).map(([id, { class_type, inputs }]) => [id, { class_type, inputs }]);
  return workflowSha256Of(canonicalJson(Object.fromEntries(bare)));
}

function seedOf(value: Json | undefined): string {
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isSafeInteger(value))) return UNKNOWN_SEED;
  const seed = BigInt(value);
  return seed >= 0n && seed <= SEED_MAX ? seed.toString() : UNKNOWN_SEED;
}

/** The graph that the image embeds, else the run's; {} for a line of JSONL that says all by itself. */
function graphOf(embeddedPrompt: string | null, { graph, line }: Claim): ApiGraph {
  const value = embeddedPrompt === null ? undefined : tryParsePython(embeddedPrompt);
  const text = isJsonObject(value) ? value : graph;
  if (text === null || Object.keys(text).length === 0) {
    if (line !== null) return {};
    throw new RejectError(
      "no-prompt",
      embeddedPrompt === null
        ? "The image carries no prompt: no API graph is embedded in it (saved by another program, with --disable-metadata, or by the editor)"
        : "The prompt that the image carries is no ComfyUI graph",
    );
  }
  try {
    return parseWorkflow(stringifyPython(text), { file: "in the image" }).graph;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (line !== null) return {};
    throw new RejectError("no-prompt", `The prompt that the image carries is no ComfyUI graph: ${error.message}`);
  }
}

function cleanModel(model: string): string {
  return model
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ")
    .trim()
    .slice(0, MODEL_CHARS)
    .toWellFormed();
}

type Bind = WorkflowConfig["bind"];

/** The values of a graph at the bound places. */
interface BoundValues {
  readonly prompt: string;
  /** Bound name → value, without the prompt; a name whose place is missing, or whose places differ, has none. */
  readonly values: Readonly<Record<string, Json>>;
  /** The places found, by bound name. */
  readonly places: Readonly<Record<string, readonly Place[]>>;
}

const NONE = "none";

/**
 * Reads the prompt and everything else that `workflow.bind` names out of a finished graph. Where several workflows are configured the
 * first counts in whose place there is a text.
 * @throws {RejectError} "prompt-unbound" where none has.
 */
function readBindings(graph: ApiGraph, binds: readonly Bind[]): BoundValues {
  const why = new Set<string>();
  for (const bind of binds) {
    const found = textAt(graph, bind.prompt);
    if ("text" in found) return { prompt: found.text, ...valuesOf(graph, bind) };
    why.add(found.why);
  }
  throw new RejectError("prompt-unbound", `The image's graph does not tell its prompt: ${[...why].join("; ")}`);
}

/** Reads a graph whose prompt is known otherwise: by the first workflow whose places are all there, else by the first. */
function readOtherBindings(graph: ApiGraph, binds: readonly Bind[]): Pick<BoundValues, "values" | "places"> {
  const read = binds.map((bind) => ({ wanted: Object.keys(bind).length, ...valuesOf(graph, bind) }));
  const whole = read.find(({ wanted, places }) => Object.keys(places).length === wanted);
  const { values, places } = whole ?? read[0] ?? { values: {}, places: {} };
  return { values, places };
}

function textAt(graph: ApiGraph, written: Bind["prompt"]): { readonly text: string } | { readonly why: string } {
  const texts = listOf(written);
  if (texts.length === 0) return { why: "workflow.bind.prompt is none; a JSONL can say the prompts" };
  const why: string[] = [];
  for (const text of texts) {
    try {
      const value = valueAt(graph, resolvePlace(graph, text, "workflow.bind.prompt"));
      if (typeof value === "string" && value.trim() !== "") return { text: value };
      why.push(`${text} holds ${typeof value === "string" ? "an empty text" : "no text"}`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      why.push(error.message);
    }
  }
  return { why: why.join("; ") };
}

function valuesOf(graph: ApiGraph, bind: Bind): Pick<BoundValues, "values" | "places"> {
  const places = Object.fromEntries(
    Object.entries(bind).flatMap(([name, written]): [string, readonly Place[]][] => {
      const found = placesAt(graph, listOf(written), name);
      return found === null ? [] : [[name, found]];
    }),
  );
  const values = Object.entries(places).flatMap(([name, found]): [string, Json][] => {
    const all = found.map((place) => valueAt(graph, place) ?? null);
    const [first] = all;
    return name === "prompt" || first === undefined || new Set(all.map(canonicalJson)).size > 1 ? [] : [[name, first]];
  });
  return { places, values: Object.fromEntries(values) };
}

/** Null if one of them is not there: a graph of another kind. */
function placesAt(graph: ApiGraph, texts: readonly string[], name: string): readonly Place[] | null {
  try {
    return texts.map((text) => resolvePlace(graph, text, `workflow.bind.${name}`));
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

function listOf(written: string | readonly string[]): readonly string[] {
  const texts = typeof written === "string" ? [written] : written;
  return texts.filter((text) => text !== NONE);
}

function valueAt(graph: ApiGraph, { nodeId, input }: Place): Json | undefined {
  return nodeOf(graph, nodeId)?.inputs[input];
}
