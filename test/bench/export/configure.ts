import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchProject } from "../bench-project.ts";

/** Puts sections in the place of those that a project's configuration has. */
export function configure(project: Pick<BenchProject, "dir">, sections: Readonly<Record<string, unknown>>): void {
  const file = join(project.dir, "pipeline.yaml");
  const config = JSON.parse(readFileSync(file, "utf8")) as object; // benchProject() writes JSON, which is YAML.
  writeFileSync(file, JSON.stringify({ ...config, ...sections }));
}
