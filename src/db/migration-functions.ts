import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { isJsonObject, parseExact, stringifyExact, type Json } from "../lib/exact-json.ts";
import { isSecretInput, masked, withoutSecretValues } from "../lib/secret-names.ts";
import { exportPlaceOf } from "./export-place.ts";

/**
 * Gives SQL the functions that migrations call. A migration is never changed once it is released, so neither is what these return.
 * - `without_extra_data(wrapper)` removes `extra_data`, whose values may be secrets, from what a wrapped workflow had around its graph.
 * - `export_place(uri, version)` returns the `place` of a version that was exported to `uri`, also where the dataset's folder was moved
 * since.
 */
export function addMigrationFunctions(client: Database.Database, file: string): void {
  const dir = dirname(file);
  client.function("without_extra_data", { deterministic: true }, (wrapper) => withoutExtraData(String(wrapper)));
  client.function("export_place", (uri, version) => placeOf(String(uri), { version: String(version), dir }));
}

/**
 * Returns the wrapper's JSON without `extra_data`, and with other secrets in it masked; text that is no JSON object is returned as it is.
 */
export function withoutExtraData(wrapper: string): string {
  const value = parsed(wrapper);
  if (!isJsonObject(value)) return wrapper;
  const { extra_data: _removed, ...kept } = value;
  return stringifyExact(masked(kept));
}

/**
 * Returns a graph's JSON with every input empty that looks like a secret: it is sent from the file. Text that is no JSON object is returned
 * as it is.
 */
export function withoutSecretInputs(graph: string): string {
  const nodes = parsed(graph);
  if (!isJsonObject(nodes)) return graph;
  const kept = Object.entries(nodes).map(([nodeId, node]): [string, Json] => {
    if (!isJsonObject(node) || !isJsonObject(node["inputs"])) return [nodeId, node];
    const inputs = Object.entries(node["inputs"]).map(([input, value]): [string, Json] => [
      input,
      isSecretInput(input, value) ? "" : value,
    ]);
    return [nodeId, { ...node, inputs: Object.fromEntries(inputs) }];
  });
  return stringifyExact(Object.fromEntries(kept));
}

/** Returns the JSON of values by bound name without those that look like secrets. */
export function withoutSecretParams(params: string): string {
  const values = parsed(params);
  return isJsonObject(values) ? stringifyExact(withoutSecretValues(values)) : params;
}

/** Null for text that is no JSON: no damaged row may keep the dataset closed for ever. */
function parsed(text: string): Json {
  try {
    return parseExact(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function placeOf(uri: string, { version, dir }: { readonly version: string; readonly dir: string }): string {
  const place = exportPlaceOf(uri, dir);
  if (place !== uri || !uri.startsWith("file:")) return place;
  const folder = fileURLToPath(uri);
  // The dataset was moved: the version lies beside the database, under the name that its folder had.
  const isHere = !existsSync(join(folder, version)) && existsSync(join(dir, basename(folder), version));
  return isHere ? basename(folder) : uri;
}
