import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The version in our own package.json, which stands beside `src` in the repository and beside `dist` in the package. */
export function programVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as { version: string };
  return version;
}
