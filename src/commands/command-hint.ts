import { join, resolve } from "node:path";

/** The default of --config. */
export const DEFAULT_CONFIG_FILE = "configs/pipeline.yaml";

/** `demo` is what people run before anything is installed: what follows it must work without pnpm, too. */
const DEMO_CONFIG_FILE = join(import.meta.dirname, "../../configs/demo.yaml");

/** Returns a command to paste: with `-c FILE`, unless the default is the same file. */
export function commandHint(words: string, configFile: string): string {
  const isDefault = resolve(configFile) === resolve(DEFAULT_CONFIG_FILE);
  const program = resolve(configFile) === DEMO_CONFIG_FILE ? "npx -y pnpm@12.3 pipeline" : "pnpm pipeline";
  return `${program} ${words}${isDefault ? "" : ` -c ${shellWord(configFile)}`}`;
}

/** Needs no quotes in a shell. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/** Quotes a text, if it needs it, so that a shell takes it for one word. */
export function shellWord(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
