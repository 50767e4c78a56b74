import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { isJsonObject, parseExact, stringifyExact } from "../lib/exact-json.ts";
import { masked } from "../lib/secret-names.ts";
import { exportPlaceOf } from "./export-place.ts";

/**
 * Gives SQL the functions that migrations call. A migration is never changed once it is released, so neither is what these return.
 * - `without_extra_data(wrapper)` removes `extra_data`, whose values may be secrets, from what a wrapped workflow had around its graph.
 * - `export_place(uri, version)` returns the `place` of a version that was exported to `uri`, also where the dataset's folder was moved since.
 */
export function addMigrationFunctions(client: Database.Database, file: string): void {
  const dir = dirname(file);
  client.function("without_extra_data", { deterministic: true }, (wrapper) => withoutExtraData(String(wrapper)));
  client.function("export_place", (uri, version) => placeOf(String(uri), { version: String(version), dir }));
}

/** Returns the wrapper's JSON without `extra_data`, and with other secrets in it masked; text that is no JSON object is returned as it is. */
export function withoutExtraData(wrapper: string): string {
  const value = parseExact(wrapper);
  if (!isJsonObject(value)) return wrapper;
  const { extra_data: _removed, ...kept } = value;
  return stringifyExact(masked(kept));
}

function placeOf(uri: string, { version, dir }: { readonly version: string; readonly dir: string }): string {
  const place = exportPlaceOf(uri, dir);
  if (place !== uri || !uri.startsWith("file:")) return place;
  const folder = fileURLToPath(uri);
  // The dataset was moved: the version lies beside the database, under the name that its folder had.
  const isHere = !existsSync(join(folder, version)) && existsSync(join(dir, basename(folder), version));
  return isHere ? basename(folder) : uri;
}
