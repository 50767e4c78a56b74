import { readFile } from "node:fs/promises";
import { parseWorkflow, type Workflow } from "../comfy/workflow.ts";
import { ConfigError } from "../errors.ts";
import { fileProblem } from "../lib/file-problem.ts";

/** Reads a workflow file of the configuration. @throws {ConfigError} where it cannot be read, or is no workflow. */
export async function readWorkflow(file: string): Promise<Workflow> {
  return parseWorkflow(await readText(file), { file });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError(`Cannot read the workflow ${file}: ${fileProblem(error)}`, {
      hint: "check workflow.file; relative paths start at the config file",
      cause: error,
    });
  }
}
