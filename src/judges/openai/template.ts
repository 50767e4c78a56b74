import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";

const OWN_TEMPLATES = join(import.meta.dirname, "../../../configs/judges");
/** Larger than any question. A larger file is a mistake, such as the path of an image. */
const TEMPLATE_MAX_BYTES = 64 * 1024;
const HASH_DIGITS = 12;

/** The text of a question about one image or two. */
export interface Template {
  /** First 12 hex digits of the file's SHA-256: part of the judge's version. */
  readonly hash: string;
  /** Returns the question for a prompt. */
  fill(prompt: string): string;
}

export interface TemplateOptions {
  readonly judge: string;
  readonly mode: "pointwise" | "pairwise";
  /** `prompt_file` of the configuration. Null for our own question. */
  readonly file: string | null;
}

/** Reads the question of a judge. @throws {ConfigError} if the file cannot be read, is empty, is too long, or is not UTF-8 text. */
export function readTemplate({ judge, mode, file }: TemplateOptions): Template {
  const path = file ?? join(OWN_TEMPLATES, `${mode}.txt`);
  const refuse = (why: string, cause?: unknown): never => {
    throw new ConfigError(`Cannot read the question of the judge ${judge} from ${path}: ${why}`, {
      hint: "set prompt_file to a text file; configs/judges has one to begin with",
      cause,
    });
  };
  let bytes: Buffer;
  let text: string;
  try {
    bytes = readFileSync(path);
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    return refuse(error instanceof TypeError ? "it is not UTF-8 text" : fileProblem(error), error);
  }
  if (text.trim() === "") return refuse("it is empty");
  if (bytes.length > TEMPLATE_MAX_BYTES) return refuse(`it is longer than ${TEMPLATE_MAX_BYTES / 1024} KiB`);
  return {
    hash: createHash("sha256").update(bytes).digest("hex").slice(0, HASH_DIGITS),
    // A function, because `$&` in a replacement text is a pattern. A {prompt} inside the prompt stays: nothing is replaced twice.
    fill: (prompt) => text.replaceAll("{prompt}", () => prompt),
  };
}
