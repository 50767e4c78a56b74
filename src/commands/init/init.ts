import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { detectBindings, type DetectedName } from "../../comfy/graph/detect.ts";
import { type ApiGraph, describeNode, formatPlace, type Place } from "../../comfy/graph/graph.ts";
import { secretPlaces, secretWords, withoutSecretInputs } from "../../comfy/graph/secrets.ts";
import { parseWorkflow } from "../../comfy/graph/workflow.ts";
import { commandHint } from "../command-hint.ts";
import type { CommandResult } from "../command.ts";
import { configText } from "./config-text.ts";
import { readWorkflowSource } from "./workflow-source.ts";
import type { InputOf } from "../registry.ts";
import { ConfigError, EXIT, messageOf } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { makeFolder } from "../../lib/files/make-folder.ts";
import { stringifyPython } from "../../lib/python-json.ts";
import { hideWords } from "../../lib/terminal/hidden-words.ts";
import { openPromptSource } from "../../prompts/registry.ts";

/** The default of --out. */
const DEFAULT_OUT = "configs/mine.yaml";
const REQUIRED: readonly DetectedName[] = ["prompt", "seed"];

const SCHEMA_FILE = join(import.meta.dirname, "../../../configs/schema.json");
const DEFAULT_SERVER = "http://127.0.0.1:8188";

/** Writes a commented configuration for any workflow. Everything is checked before anything is written. */
export async function run(input: InputOf<"init">): Promise<CommandResult> {
  const { server = DEFAULT_SERVER, out: outWritten = DEFAULT_OUT } = input.options;
  const out = resolve(outWritten);
  const source = await readWorkflowSource(input);
  const { graph, wrapper } = parseWorkflow(source.text, { file: source.name });
  hideWords(secretWords(graph, wrapper));
  const prompts = await readPromptsOption(input);
  if (existsSync(out))
    throw new ConfigError(`Cannot write ${out}: it exists, and init never overwrites a configuration`, { hint: "--out with another name" });
  const workflowFile = source.file ?? join(dirname(out), "workflows", `${basename(out, extname(out))}.json`);
  if (source.file === null && existsSync(workflowFile))
    throw new ConfigError(`Cannot write the workflow to ${workflowFile}: it exists`, { hint: "--out with another name" });
  const { bind, outputs } = await chooseAll(graph, input);
  const text = configText({
    schemaFile: relative(dirname(out), SCHEMA_FILE),
    dataset: makeDatasetName(out),
    workflowFile: relative(dirname(out), workflowFile),
    promptColumn: prompts?.column,
    promptsFile: prompts === null ? "prompts.txt" : relative(dirname(out), prompts.file),
    server,
    bind,
    outputs,
    classes: [...new Set(Object.values(graph).map((node) => node.class_type))],
  });
  if (source.file === null) await writeNew(workflowFile, `${stringifyPython(withoutSecretInputs(graph), 2)}\n`);
  warnOfSecrets(graph, { workflowFile, isWritten: source.file === null, log: input.log });
  await writeNew(out, text);
  const next = `${prompts === null ? `put your prompts in ${join(dirname(out), "prompts.txt")}, then ` : ""}${commandHint("check", outWritten)}`;
  const written = source.file === null ? `${workflowFile} (the workflow)\n` : "";
  input.show(
    { event: "config", file: out, workflow: workflowFile, workflow_written: source.file === null },
    `Wrote ${written === "" ? "" : `${written}and `}${out}\nNext: ${next}`,
  );
  return { exit: EXIT.done };
}

interface SecretsNeeds extends Pick<InputOf<"init">, "log"> {
  readonly workflowFile: string;
  /** The workflow came out of an image or a server: secrets in it may be somebody else's. */
  readonly isWritten: boolean;
}

function warnOfSecrets(graph: ApiGraph, { workflowFile, isWritten, log }: SecretsNeeds): void {
  const places = secretPlaces(graph).map(formatPlace);
  if (places.length === 0) return;
  const named = places.join(", ");
  log.warn(
    isWritten
      ? `Left empty in ${workflowFile}: ${named}, which looks like a secret. Write your own there, or set it with candidates.variants[].set`
      : `${named} in ${workflowFile} looks like a secret: every server that runs the workflow sees it, and writes it into its images`,
  );
}

/** A place for every name that the workflow has one for, and the nodes that save. */
async function chooseAll(graph: ApiGraph, input: Choice["input"]) {
  const detection = detectBindings(graph);
  const bind: Record<string, readonly Place[]> = {};
  for (const name of Object.keys(detection.bind) as DetectedName[]) {
    // The keys of a record over exactly these names.
    const choice = await choose(name, { candidates: detection.bind[name], graph, input });
    if (choice !== null) bind[name] = choice;
  }
  const candidates = detection.outputs.map((nodeId) => [{ nodeId, input: "filename_prefix" }]);
  const output = await choose("output", { candidates, graph, input });
  return { bind, outputs: output?.map((place) => place.nodeId) ?? [] };
}

/** The file of --prompts-file and the column that its prompts are in, null without the option. */
async function readPromptsOption({ options }: Pick<InputOf<"init">, "options">) {
  const { promptsFile } = options;
  if (promptsFile === undefined) return null;
  const file = resolve(promptsFile);
  if (!existsSync(file)) throw new ConfigError(`Cannot use the prompts ${file}: there is no such file`, { hint: "check --prompts-file" });
  return { file, column: await findPromptColumn(file) };
}

function makeDatasetName(out: string): string {
  const name = basename(out, extname(out))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-");
  return name.replaceAll(/^-+|-+$/g, "") || "mine";
}

/** Writes a new file. Fails if somebody else has made it meanwhile. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    makeFolder(dirname(file));
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    throw new ConfigError(`Cannot write ${file}: ${fileProblem(error)}`, { hint: "--out with another place", cause: error });
  }
}

interface Choice {
  readonly candidates: readonly (readonly Place[])[];
  readonly graph: ApiGraph;
  readonly input: Pick<InputOf<"init">, "options">;
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
  if (input.options.yes || !process.stdin.isTTY) {
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

/** Usual names of the column that holds the text, most usual first. */
const USUAL_NAMES: readonly string[] = ["prompt", "text", "caption"];

/** The column or key that most likely holds the prompts; undefined where the file names none of the usual ones. */
async function findPromptColumn(file: string): Promise<string | undefined> {
  const source = await openPromptSource(file);
  const columns = source.columns ?? (await firstKeys(source));
  return USUAL_NAMES.flatMap((usual) => columns.filter((column) => column.toLowerCase() === usual))[0];
}

async function firstKeys(source: Awaited<ReturnType<typeof openPromptSource>>): Promise<readonly string[]> {
  for await (const { fields } of source.rows({ columns: USUAL_NAMES })) return Object.keys(fields);
  return [];
}
