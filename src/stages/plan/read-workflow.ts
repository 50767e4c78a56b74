import { readFile } from "node:fs/promises";
import { secretWords } from "../../comfy/graph/secrets.ts";
import { parseWorkflow, workflowText, type Workflow } from "../../comfy/graph/workflow.ts";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { hideWords } from "../../lib/terminal/hidden-words.ts";

/** Reads a workflow file of the configuration, and hides its secrets from all that is said from then on. @throws {ConfigError} where it cannot be read, or is no workflow. */
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
