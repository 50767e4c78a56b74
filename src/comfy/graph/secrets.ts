import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { isSecretInput, masked } from "../../lib/secret-names.ts";
import { type ApiGraph, type Place, withInputs } from "./graph.ts";

/** The inputs of a graph that look like secrets. */
export function secretPlaces(graph: ApiGraph): readonly Place[] {
  return Object.entries(graph).flatMap(([nodeId, { inputs }]) =>
    Object.entries(inputs).flatMap(([input, value]): Place[] => (isSecretInput(input, value) ? [{ nodeId, input }] : [])),
  );
}

/** Returns a graph whose secrets are left empty: what is kept of it, shown or written elsewhere. */
export function withoutSecretInputs(graph: ApiGraph): ApiGraph {
  return withInputs(
    graph,
    secretPlaces(graph).map((place) => [place, ""] as const),
  );
}

/** Every text of a workflow that is to be hidden: secret inputs, and of what stands around the graph all that is named like one. */
export function secretWords(graph: ApiGraph, wrapper: JsonObject): readonly string[] {
  const inputs = Object.values(graph).flatMap((node) =>
    Object.entries(node.inputs).flatMap(([input, value]) => (typeof value === "string" && isSecretInput(input, value) ? [value] : [])),
  );
  const extraData = wrapper["extra_data"];
  // Whatever stands there by itself is meant for the server alone; extra_pnginfo, an object, is what the images show anyway.
  const texts = isJsonObject(extraData) ? Object.entries(extraData).flatMap(([key, value]) => (isOwnText(key, value) ? [value] : [])) : [];
  return [...inputs, ...texts, ...textsUnderSecretNames(wrapper)];
}

const isOwnText = (key: string, value: Json): value is string => typeof value === "string" && !ORDINARY_EXTRA_DATA.has(key);
/** Source: ComfyUI's server.py and execution.py: what they read of extra_data that is no secret. */
const ORDINARY_EXTRA_DATA: ReadonlySet<string> = new Set(["client_id", "preview_method"]);

function textsUnderSecretNames(value: Json): readonly string[] {
  if (isJsonArray(value)) return value.flatMap(textsUnderSecretNames);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, each]) => (isSecretInput(name, each) ? textsIn(each) : textsUnderSecretNames(each)));
}

const textsIn = (value: Json): readonly string[] => (typeof value === "string" ? [value] : []);

/** Returns the part of a wrapper that the database keeps: no extra_data, which is sent from the file, and no secret. */
export function wrapperToKeep(wrapper: JsonObject): JsonObject {
  const { extra_data: _, ...rest } = wrapper;
  const kept = masked(rest);
  return isJsonObject(kept) ? kept : {};
}
