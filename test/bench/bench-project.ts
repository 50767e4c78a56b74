import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BIN = join(import.meta.dirname, "../../src/bin.ts");
export const WORKFLOW = join(import.meta.dirname, "../../configs/workflows/sd15.json");
/** Small images: the emulator shall cost as little as it can. */
export const IMAGE_SIDE = 64;
const SEEDS_PER_PROMPT = 4;
const STYLES = ["oil painting", "watercolour", "studio light", "at dusk", "35 mm film"];

export interface BenchProject extends Disposable {
  readonly dir: string;
  /** Arguments for Node that run a command of the program on this project. */
  command(name: string, ...options: readonly string[]): readonly string[];
  /** Writes the configuration for other servers. */
  useServers(urls: readonly string[]): void;
}

export interface BenchProjectOptions {
  readonly jobs: number;
  readonly urls: readonly string[];
  /** `store` of the configuration. */
  readonly store?: Readonly<Record<string, string>>;
  /** `annotate` of the configuration. */
  readonly annotate?: Readonly<Record<string, unknown>>;
}

/** What `pnpm pipeline` gives to Node: what is measured is the process that users start. */
function shippedFlags(): readonly string[] {
  const file = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
  const { scripts } = JSON.parse(file) as { readonly scripts: { readonly pipeline: string } }; // Ours.
  return scripts.pipeline.split(" ").filter((word) => word.startsWith("--"));
}

/** A folder with a configuration and prompts for so many jobs. */
export function benchProject({ jobs, urls, store = {}, annotate = {} }: BenchProjectOptions): BenchProject {
  const dir = mkdtempSync(join(tmpdir(), "comfy-dpo-bench-"));
  const config = join(dir, "pipeline.yaml");
  const flags = shippedFlags();
  writeFileSync(join(dir, "prompts.txt"), promptLines(Math.ceil(jobs / SEEDS_PER_PROMPT)));
  const useServers = (servers: readonly string[]): void =>
    // JSON is YAML.
    writeFileSync(
      config,
      JSON.stringify({
        dataset: "bench",
        dir: "runs",
        seed: 7,
        prompts: { file: "prompts.txt" },
        workflow: { file: WORKFLOW, bind: { prompt: "2.text", seed: "4.seed", width: "5.width", height: "5.height" } },
        candidates: { per_prompt: SEEDS_PER_PROMPT, variants: [{ name: "base", set: { width: IMAGE_SIDE, height: IMAGE_SIDE } }] },
        servers: servers.map((url) => ({ url })),
        store,
        annotate,
      }),
    );
  useServers(urls);
  return {
    dir,
    command: (name, ...options) => [...flags, BIN, name, "-c", config, "--json", ...options],
    useServers,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function promptLines(count: number): string {
  let lines = "";
  for (let index = 0; index < count; index++)
    lines += `subject number ${index} in a wide landscape, ${STYLES[index % STYLES.length]}, highly detailed\n`;
  return lines;
}
