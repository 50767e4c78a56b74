import { resolvePlace } from "../../comfy/graph/binding.ts";
import { nodeOf, type ApiGraph, type Place } from "../../comfy/graph/graph.ts";
import type { WorkflowConfig } from "../../config/schema.ts";
import { ConfigError, RejectError } from "../../errors.ts";
import { canonicalJson, type Json } from "../../lib/exact-json.ts";

type Bind = WorkflowConfig["bind"];

/** What a graph holds where `bind` says. */
export interface BoundValues {
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
export function readBindings(graph: ApiGraph, binds: readonly Bind[]): BoundValues {
  const why = new Set<string>();
  for (const bind of binds) {
    const found = textAt(graph, bind.prompt);
    if ("text" in found) return { prompt: found.text, ...valuesOf(graph, bind) };
    why.add(found.why);
  }
  throw new RejectError("prompt-unbound", `The image's graph does not tell its prompt: ${[...why].join("; ")}`);
}

/** Of a graph whose prompt is known otherwise: of the first workflow whose places are all there, else what the first has. */
export function readOtherBindings(graph: ApiGraph, binds: readonly Bind[]): Pick<BoundValues, "values" | "places"> {
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

/** Null where one of them is not there: a graph of another kind. */
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
