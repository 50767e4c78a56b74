import type { Config } from "./schema.ts";

/** Bound name → folder (absolute) of the files that the prompts' column names. A name is one value for every workflow that binds it. */
export function uploadFolders(workflows: Config["workflows"]): Readonly<Record<string, string>> {
  return Object.assign({}, ...Object.values(workflows).map(({ uploads }) => uploads)) as Readonly<Record<string, string>>;
}
