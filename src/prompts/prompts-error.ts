import { basename } from "node:path";
import { ConfigError, messageOf } from "../errors.ts";
import { fileProblem } from "../lib/files/file-problem.ts";

/** `Cannot read the prompts FILE: …`. */
export function promptsError(
  file: string,
  why: string,
  { hint, cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): ConfigError {
  return new ConfigError(`Cannot read the prompts ${file}: ${why}`, { ...(hint === undefined ? {} : { hint }), cause });
}

/** What the file system or gzip said, as an error that names the file; a ConfigError as it is. */
export function readError(file: string, error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("Z_"))
    return promptsError(file, `it is no whole gzip file (${messageOf(error)})`, { hint: "compress it again", cause: error });
  return promptsError(file, fileProblem(error), { hint: fileHintOf(file), cause: error });
}

/** What to try where there is no such file. */
export function fileHintOf(file: string): string {
  const path = "check prompts.file; relative paths start at the config file";
  return basename(file) === "none"
    ? `${path}. Candidates are made from prompts: for a workflow that takes no text write bind.prompt: none, and a file with one line`
    : path;
}
