import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { coreNodes } from "../comfy/core-nodes.ts";
import { detectBindings, type DetectedName } from "../comfy/detect.ts";
import { describeNode, formatPlace, type ApiGraph, type Place } from "../comfy/graph.ts";
import { parseWorkflow } from "../comfy/workflow.ts";
import { ConfigError, EXIT, messageOf } from "../errors.ts";
import { stringifyExact } from "../lib/exact-json.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { findPromptColumn } from "./find-prompt-column.ts";
import { readWorkflowSource } from "./workflow-source.ts";

const REQUIRED: readonly DetectedName[] = ["prompt", "seed"];

/** Writes a commented configuration for a workflow that nobody described. */
export async function run(input: CommandInput): Promise<CommandResult> {
  const out = resolve(typeof input.options["out"] === "string" ? input.options["out"] : "configs/mine.yaml");
  if (existsSync(out))
    throw new ConfigError(`Cannot write ${out}: it exists, and init never overwrites a configuration`, { hint: "--out with another name" });
  const source = await readWorkflowSource(input);
  const { graph } = parseWorkflow(source.text, { file: source.name });
  const detection = detectBindings(graph);
  const bind: Record<string, readonly Place[]> = {};
  for (const name of Object.keys(detection.bind) as DetectedName[]) {
    // The keys of a record over exactly these names.
    const choice = await choose(name, { candidates: detection.bind[name], graph, input });
    if (choice !== null) bind[name] = choice;
  }
  const output = await choose("output", {
    candidates: detection.outputs.map((nodeId) => [{ nodeId, input: "filename_prefix" }]),
    graph,
    input,
  });
  const workflowFile = source.file ?? join(dirname(out), "workflows", `${basename(out, ".yaml")}.json`);
  await mkdir(dirname(workflowFile), { recursive: true });
  if (source.file === null) await writeFile(workflowFile, `${stringifyExact(graph, 2)}\n`, { flag: "wx" });
  await mkdir(dirname(out), { recursive: true });
  const prompts = typeof input.options["promptsFile"] === "string" ? input.options["promptsFile"] : null;
  const text = configText({
    dataset:
      basename(out, ".yaml")
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, "-")
        .replaceAll(/^-+|-+$/g, "") || "mine",
    workflowFile: relative(dirname(out), workflowFile),
    promptColumn: prompts === null ? undefined : await findPromptColumn(prompts),
    promptsFile: prompts === null ? "prompts.txt" : relative(dirname(out), resolve(prompts)),
    server: typeof input.options["server"] === "string" ? input.options["server"] : "http://127.0.0.1:8188",
    bind,
    outputs: output?.map((place) => place.nodeId) ?? [],
    classes: [...new Set(Object.values(graph).map((node) => node.class_type))],
  });
  await writeFile(out, text, { flag: "wx" });
  input.print(
    `${out}\nNext: ${prompts === null ? `put your prompts in ${join(dirname(out), "prompts.txt")}, then ` : ""}pnpm pipeline check -c ${relative(process.cwd(), out)}`,
  );
  return { exit: EXIT.done };
}

interface Choice {
  readonly candidates: readonly (readonly Place[])[];
  readonly graph: ApiGraph;
  readonly input: Pick<CommandInput, "options">;
}

/** The only candidate, or the one that a person picks; null where there is none and none is needed. */
async function choose(name: DetectedName | "output", { candidates, graph, input }: Choice): Promise<readonly Place[] | null> {
  const [first, ...others] = candidates;
  if (first === undefined) {
    if (!REQUIRED.some((required) => required === name)) return null;
    throw new ConfigError(`Cannot find the ${name} in this workflow`, {
      hint:
        `copy configs/pipeline.yaml and write bind.${name}: NODE_ID.input there` +
        (name === "prompt" ? ", or bind.prompt: none for a workflow that takes no text" : ""),
    });
  }
  if (others.length === 0) return first;
  const lines = candidates.map(
    (places, index) =>
      `  ${index + 1}. ${places.map((place) => `${formatPlace(place)} — ${describeNode(graph, place.nodeId)}`).join(" and ")}`,
  );
  if (input.options["yes"] === true || !process.stdin.isTTY) {
    throw new ConfigError(`Cannot choose the ${name}: ${candidates.length} places could be meant\n${lines.join("\n")}`, {
      hint: "run init on a terminal to be asked, or write bind by hand",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Which is the ${name}?\n${lines.join("\n")}\nNumber: `);
    const chosen = candidates[Number(answer) - 1];
    if (chosen === undefined) throw new ConfigError(`Cannot use "${answer}" as a choice: expected 1 to ${candidates.length}`);
    return chosen;
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError(`Cannot read your choice: ${messageOf(error)}`, { cause: error });
  } finally {
    terminal.close();
  }
}

interface ConfigParts {
  readonly dataset: string;
  readonly workflowFile: string;
  readonly promptsFile: string;
  /** Undefined where the default serves. */
  readonly promptColumn: string | undefined;
  readonly server: string;
  readonly bind: Readonly<Record<string, readonly Place[]>>;
  readonly outputs: readonly string[];
  readonly classes: readonly string[];
}

function configText({ dataset, workflowFile, promptsFile, promptColumn, server, bind, outputs, classes }: ConfigParts): string {
  const quote = (text: string): string => JSON.stringify(text);
  const placeText = (places: readonly Place[]): string => {
    const texts = places.map((place) => quote(formatPlace(place)));
    return texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
  };
  const promptLine =
    promptColumn === undefined || promptColumn === "prompt"
      ? '  # prompt: Prompt           # column or key of the text, default "prompt"'
      : `  prompt: ${quote(promptColumn)} # column or key of the text`;
  const core = coreNodes();
  const others = classes.filter((name) => !core.has(name));
  const allowHint =
    others.length === 0
      ? "add the class of each custom node that you trust"
      : `this workflow also has ${others.join(", ")}: add them if you trust them`;
  const bindLines = Object.entries(bind).map(([name, places]) => `    ${name}: ${placeText(places)}`);
  return `# What every key means: README, "Configuration". \`pnpm pipeline check -c THIS_FILE\` looks at everything before a night.
dataset: ${dataset}
seed: 7 # every candidate's seed derives from it

prompts:
  file: ${quote(promptsFile)} # .txt (one a line) .jsonl .json .csv .tsv .parquet
${promptLine}

workflow:
  file: ${quote(workflowFile)}
  bind: # bound name: NODE_ID.input
${bindLines.join("\n")}
${outputs.length > 0 ? `  outputs: [${outputs.map(quote).join(", ")}]\n` : ""}  allow_nodes: [core] # ${allowHint}

candidates:
  per_prompt: 4 # seeds per prompt

servers:
  - url: ${quote(server)}

store:
  uri: file:images # or s3://bucket/prefix
`;
}
