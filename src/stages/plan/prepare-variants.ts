import { checkAllowedNodes } from "../../comfy/nodes/allowed-nodes.ts";
import { resolveBindings } from "../../comfy/graph/binding.ts";
import { graphProblems } from "../../comfy/nodes/graph-problems.ts";
import { resolveOutputs } from "../../comfy/graph/outputs.ts";
import { prepareVariant, type BoundWorkflow, type PreparedVariant } from "../../comfy/graph/prepare-variant.ts";
import type { ServerClasses } from "../../comfy/client/server-classes.ts";
import type { Config, WorkflowConfig } from "../../config/schema.ts";
import { uploadFolders } from "../../config/resolve-config.ts";
import { ConfigError } from "../../errors.ts";
import { hideWords } from "../../lib/terminal/hidden-words.ts";
import { isSecretInput } from "../../lib/secret-names.ts";
import type { JsonObject } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { expandVariants, perJobNames } from "./variants.ts";
import { refuseUnsupported } from "../../comfy/graph/savers.ts";
import { readFile } from "node:fs/promises";
import { secretWords } from "../../comfy/graph/secrets.ts";
import { parseWorkflow, workflowText, type Workflow } from "../../comfy/graph/workflow.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";

/** A variant as the plan writes it. */
export interface ReadyToPlan extends PreparedVariant {
  readonly variant: string;
  readonly workflow: string;
  readonly bound: BoundWorkflow;
  /** Everything around the graph in a wrapped file. */
  readonly wrapper: JsonObject;
}

export interface PrepareOptions {
  /** Classes of the servers that answer. If none does, a list decides which classes are ComfyUI's own. */
  readonly servers?: readonly ServerClasses[];
  /** Told of nodes that are not allowed. @default throws */
  readonly refuse?: (error: ConfigError) => void;
}

function raise(error: ConfigError): never {
  throw error;
}

type LoadedWorkflow = BoundWorkflow & { readonly wrapper: JsonObject };

/**
 * Reads and checks every workflow file, and multiplies out the variants. Asks no server and touches no database.
 * @throws {ConfigError} for anything wrong with a file, a binding, an output, a node that is not allowed, or a variant.
 */
export async function prepareVariants(
  config: Pick<Config, "workflows" | "candidates" | "prompts" | "generate">,
  { servers = [], refuse = raise }: PrepareOptions = {},
): Promise<readonly ReadyToPlan[]> {
  const entries = await Promise.all(
    Object.entries(config.workflows).map(
      async ([name, workflow]) => [name, await loadWorkflow(name, workflow, { servers, refuse, saveAs: config.generate.save_as })] as const,
    ),
  );
  const workflows = Object.fromEntries(entries);
  refuseUnnamedUploads(config);
  hideWords(secretsInSet(config.candidates.variants, workflows));
  const perJob = perJobNames(config.prompts);
  return expandVariants(config.candidates.variants, workflows).map(({ variant, workflow, set }) => {
    const bound = workflows[workflow];
    if (bound === undefined) throw new Error(`expandVariants answered an unknown workflow "${workflow}"`);
    const prepared = prepareVariant(bound, { variant, set, perJob });
    // Under save_as: temp a PreviewImage replaces them, which saves PNG.
    if (config.generate.save_as === "output") refuseUnsupported(prepared.graph, { outputs: bound.outputs, variant });
    return { ...prepared, variant, workflow, bound, wrapper: bound.wrapper };
  });
}

/** The secrets that variants set, by the name of their key or of the input that it fills. */
function secretsInSet(variants: Config["candidates"]["variants"], workflows: Readonly<Record<string, LoadedWorkflow>>): readonly string[] {
  const inputsOf = (key: string): readonly string[] =>
    Object.values(workflows).flatMap(({ bindings }) =>
      Object.hasOwn(bindings, key) ? (bindings[key] ?? []).map(({ input }) => input) : [],
    );
  return variants.flatMap(({ set }) =>
    Object.entries(set).flatMap(([key, value]) => {
      const isSecret = (each: unknown): each is string =>
        typeof each === "string" && [key, ...inputsOf(key)].some((input) => isSecretInput(input, each));
      return [value].flat().filter(isSecret);
    }),
  );
}

/** Only files that a column names are uploaded: without a column nothing ever would be. */
function refuseUnnamedUploads({ workflows, prompts }: Pick<Config, "workflows" | "prompts">): void {
  const columns = Object.keys(prompts.columns);
  const name = Object.keys(uploadFolders(workflows)).find((upload) => !columns.includes(upload));
  if (name === undefined) return;
  throw new ConfigError(`Cannot upload files for "${name}": no column of the prompts names them${didYouMean(name, columns)}`, {
    hint: `add prompts.columns: { ${name}: COLUMN }`,
  });
}

interface LoadOptions extends Required<PrepareOptions> {
  readonly saveAs: "output" | "temp";
}

async function loadWorkflow(name: string, config: WorkflowConfig, { servers, refuse, saveAs }: LoadOptions): Promise<LoadedWorkflow> {
  const { graph, wrapper } = await readWorkflow(config.file);
  const problems = graphProblems(graph);
  if (problems.length > 0) {
    throw new ConfigError(`Cannot use the workflow ${config.file}:\n  ${problems.map((problem) => problem.message).join("\n  ")}`, {
      hint: "mend it in ComfyUI and export it again in API format",
    });
  }
  try {
    checkAllowedNodes(graph, config.allow_nodes, { workflow: name, servers });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error);
  }
  const bindings = resolveBindings(graph, config.bind);
  return { graph, wrapper, bindings, outputs: resolveOutputs(graph, { outputs: config.outputs, saveAs, workflow: name }) };
}

/**
 * Reads a workflow file of the configuration, and hides its secrets from all that is said from then on. @throws {ConfigError} where it
 * cannot be read, or is no workflow.
 */
export async function readWorkflow(file: string): Promise<Workflow> {
  const workflow = parseWorkflow(workflowText(await readBytes(file), { file }), { file });
  hideWords(secretWords(workflow.graph, workflow.wrapper));
  return workflow;
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ConfigError(`Cannot read the workflow ${file}: ${fileProblem(error)}`, {
      hint: "check workflow.file; relative paths start at the config file",
      cause: error,
    });
  }
}
