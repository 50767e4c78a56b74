import { fileURLToPath } from "node:url";
import { sep } from "node:path";
import type { Problem } from "../problem.ts";
import type { Config } from "../schema.ts";

/**
 * Finds a store and an export that would lie in one another. Each takes what is in its place for its own: versions would be looked for
 * among images, and a version could be given the name of a folder of images.
 */
export function checkPlaces({ store, export: exported }: Pick<Config, "store" | "export">): readonly Problem[] {
  const isFolder = store.uri.startsWith("file:");
  const separator = isFolder ? sep : "/";
  const stored = withEnd(isFolder ? fileURLToPath(store.uri) : store.uri, separator);
  const target = withEnd(exported.uri, separator);
  const relation =
    stored === target
      ? "is"
      : stored.startsWith(target)
        ? "is inside"
        : // A bucket that is the store, with exports under a prefix of their own, is common, and there keys never meet.
          isFolder && target.startsWith(stored)
          ? "holds"
          : null;
  if (relation === null) return [];
  return [
    {
      path: ["store", "uri"],
      message: `store.uri ${relation} the folder of the export, ${exported.uri}: images and versions each need a place of their own (the defaults are file:images and export)`,
    },
  ];
}

const withEnd = (place: string, separator: string): string => (place.endsWith(separator) ? place : `${place}${separator}`);
