import { resolve } from "node:path";
import { shellWord } from "./shell-word.ts";

/** What --config is where it is not given. */
export const DEFAULT_CONFIG_FILE = "configs/pipeline.yaml";

/** A command that can be pasted as it is: with `-c FILE` unless the default means the same file. */
export function commandHint(words: string, configFile: string): string {
  const isDefault = resolve(configFile) === resolve(DEFAULT_CONFIG_FILE);
  return `pnpm pipeline ${words}${isDefault ? "" : ` -c ${shellWord(configFile)}`}`;
}
