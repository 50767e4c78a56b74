import { resolve } from "node:path";
import { formatPath, type Path } from "../path.ts";
import type { Problem } from "../problem.ts";
import type { ConfigFile } from "../schema.ts";

/** Finds names whose files two workflows look for in different folders. */
export function checkUploads({ workflows = {} }: ConfigFile): readonly Problem[] {
  const first = new Map<string, { readonly folder: string; readonly path: Path }>();
  return Object.entries(workflows).flatMap(([workflow, { uploads }]) =>
    Object.entries(uploads).flatMap(([name, written]): readonly Problem[] => {
      const path = ["workflows", workflow, "uploads", name];
      const folder = resolve("/", written); // All are relative to one file: only equality counts.
      const other = first.get(name);
      if (other === undefined) first.set(name, { folder, path });
      if (other === undefined || other.folder === folder) return [];
      const why = ` is another folder than ${formatPath(other.path)}: a prompt has one image of a name, whichever workflow takes it`;
      return [{ path, part: "value", message: `${formatPath(path)}${why}` }];
    }),
  );
}
