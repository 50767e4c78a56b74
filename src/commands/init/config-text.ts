import { coreNodes } from "../../comfy/nodes/core-nodes.ts";
import { formatPlace, type Place } from "../../comfy/graph/graph.ts";

interface ConfigParts {
  /** Path of the JSON schema, relative to the new file. */
  readonly schemaFile: string;
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

/** A commented configuration, as the examples in configs/ are. */
export function configText(parts: ConfigParts): string {
  const { schemaFile, dataset, workflowFile, promptsFile, promptColumn, server, bind, outputs, classes } = parts;
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
  return `# yaml-language-server: $schema=${schemaFile}
#
# configs/pipeline.yaml explains every key. \`pnpm pipeline check -c THIS_FILE\` looks at everything before a night.

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
