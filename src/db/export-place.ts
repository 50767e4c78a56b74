import { isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SCHEME = /^[a-z][a-z0-9+.-]+:/;

/**
 * Returns the name of a place of versions as `exports` keeps it: a folder inside the dataset's folder `dir` becomes relative, with `/`,
 * so that the dataset can be moved; every other URI stays as it is.
 */
export function exportPlaceOf(uri: string, dir: string): string {
  if (!uri.startsWith("file:")) return uri;
  const path = relative(dir, fileURLToPath(uri));
  const isInside = path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
  return isInside ? (path === "" ? "." : path.split(sep).join("/")) : uri;
}

/** Returns the URI of a place that `exportPlaceOf` named, in the dataset's folder of today. */
export function exportUriOf(place: string, dir: string): string {
  return SCHEME.test(place) ? place : pathToFileURL(resolve(dir, place)).href;
}
