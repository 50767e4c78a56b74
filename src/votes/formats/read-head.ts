import { open } from "node:fs/promises";
import { extname } from "node:path";
import { gunzipSync, constants } from "node:zlib";
import { openPromptSource } from "../../prompts/registry.ts";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { type FileHead, asVotesError, votesError } from "../vote-format.ts";
import { isGzip } from "./read-records.ts";

/** Size of the part of a JSON file that is read to see the keys of its first object, bytes. */
const HEAD_BYTES = 256 * 1024;
const TABLES = new Set(["parquet", "csv", "tsv"]);

/** Looks at a file's beginning. @throws {ConfigError} if it cannot be read. */
export async function readHead(file: string): Promise<FileHead> {
  const extension = extname(isGzip(file) ? file.slice(0, -".gz".length) : file)
    .slice(1)
    .toLowerCase();
  try {
    const text = await firstText(file);
    if (!TABLES.has(extension)) return { extension, ...firstKeys(text), isEmpty: /^\s*\[\s*\]\s*$/.test(text) };
    return { extension, keys: (await openPromptSource(file)).columns ?? [], isArray: false, isEmpty: false };
  } catch (error) {
    if (error instanceof ConfigError) throw asVotesError(error);
    throw votesError(file, fileProblem(error), { cause: error });
  }
}

async function firstText(file: string): Promise<string> {
  await using handle = await open(file, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const bytes = buffer.subarray(0, bytesRead);
  const begins = bytes.subarray(0, 2).toString("hex");
  if (begins === "1f8b" && !isGzip(file))
    throw votesError(file, "it is packed with gzip, and its name does not end in .gz", { hint: "call it so" });
  if (begins === "fffe" || begins === "feff") throw votesError(file, "it is UTF-16, expected UTF-8", { hint: "save it as UTF-8" });
  // The end of a part that was read is no end of a gzip file.
  return (isGzip(file) ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes).toString("utf8").replace(/^\uFEFF/, "");
}

/** The keys at the top of the first object, as far as it was read: strings that stand before a colon at its depth. A string that the end cuts off is one
 * token: looked for from each quote in it, it would take quadratic time. */
function firstKeys(text: string): Pick<FileHead, "keys" | "isArray"> {
  const isArray = text.trimStart().startsWith("[");
  const keys: string[] = [];
  let depth = 0;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*(?:"(?:\s*:)?|$)|[{}[\]]/gs)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === (isArray ? 2 : 1) && token.endsWith(":")) keys.push(token.slice(1, token.lastIndexOf('"')));
    if (depth === (isArray ? 1 : 0) && keys.length > 0) break;
  }
  return { keys, isArray };
}
