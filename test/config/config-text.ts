import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load-config.ts";
import type { Config } from "../../src/config/schema.ts";
import { ConfigError } from "../../src/errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The required keys and nothing else. */
export const REQUIRED = `dataset: foxes
prompts: { file: p.txt }
workflow: { file: w.json, bind: { prompt: 2.text, seed: 4.seed } }
servers: [{ url: "http://127.0.0.1:8188" }]
`;

/** Loads a configuration from its text. Its file is `config.yaml` in a folder of its own, gone afterwards. */
export function loadText(text: string | Uint8Array, env: Env = {}): Config {
  const folder = mkdtempSync(join(tmpdir(), "comfy-dpo-config-"));
  try {
    const file = join(folder, "config.yaml");
    writeFileSync(file, text);
    return loadConfig(file, { env });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same with more keys after the required ones. */
export function loadMore(more: string, env: Env = {}): Config {
  return loadText(`${REQUIRED}${more}\n`, env);
}

/** What is said about a configuration that cannot be used. */
export function refusalOf(text: string | Uint8Array, env: Env = {}): ConfigError {
  try {
    loadText(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("the configuration was taken");
}

/** What is said about more keys after the required ones: each problem with its place, without the file's name. */
export function problemsOf(more: string, env: Env = {}): readonly string[] {
  return problemsIn(refusalOf(`${REQUIRED}${more}\n`, env));
}

export function problemsIn({ message }: ConfigError): readonly string[] {
  return message
    .split("\n")
    .map((line) => /line \d+, column \d+: .*/.exec(line)?.[0] ?? "")
    .filter((line) => line !== "");
}
