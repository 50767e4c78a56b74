import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";

const OWN_TEMPLATES = join(import.meta.dirname, "../../../configs/judges");
/** A question; more is a slip of the pen, such as an image's path. */
const TEMPLATE_MAX_BYTES = 64 * 1024;
const HASH_DIGITS = 12;

/** What a model is asked about one image, or two. */
export interface Template {
  /** First 12 hex digits of the file's SHA-256: part of the judge's version. */
  readonly hash: string;
  /** The question about an image of this prompt. */
  fill(prompt: string): string;
}

export interface TemplateOptions {
  readonly judge: string;
  readonly mode: "pointwise" | "pairwise";
  /** Of the configuration; null: ours. */
  readonly file: string | null;
}

/** @throws {ConfigError} if the file cannot be read, is empty, long, or no UTF-8 text. */
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
    // A function: `$&` in a prompt is no pattern. What a prompt holds of {prompt} stays, since nothing is replaced twice.
    fill: (prompt) => text.replaceAll("{prompt}", () => prompt),
  };
}
