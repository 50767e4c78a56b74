import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { inflateSync } from "node:zlib";
import { workflowText } from "../../comfy/graph/workflow.ts";
import type { InputOf } from "../registry.ts";
import { ConfigError, messageOf } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { detectForeignEncoding } from "../../lib/files/foreign-encoding.ts";
import { stringifyPython } from "../../lib/python-json.ts";
import { MIB } from "../../lib/units.ts";
import { promptInExif } from "../../stages/adopt/read-image.ts";

/** No JSON begins with them. Sources: PNG (Third Edition) 5.2; ITU-T T.81, table B.1; RFC 9649 2.4. */
const FIRST_BYTES = { png: "\x89", jpeg: "\xff\xd8\xff", webp: "RIFF" } as const;
/** Bytes searched for a NUL. JSON has none; images, archives and UTF-16 have one soon. */
const LOOKED_AT_BYTES = 1_024;
const WHAT_IT_TAKES = "pnpm pipeline init workflow_api.json, or image.png, or --server URL";

/** A workflow, and where it comes from. */
interface WorkflowSource {
  readonly text: string;
  /** For messages. */
  readonly name: string;
  /** The workflow file itself, absolute; null where the workflow came out of an image or a server and has to be written. */
  readonly file: string | null;
}

interface SourceInput extends Pick<InputOf<"init">, "args" | "signal"> {
  readonly options: Pick<InputOf<"init">["options"], "server">;
}

/**
 * Reads the workflow from a JSON file, a PNG's `prompt` chunk, the EXIF data of a JPEG or WebP, or the newest prompt in a server's history.
 */
export async function readWorkflowSource(input: SourceInput): Promise<WorkflowSource> {
  const [source] = input.args;
  const { server } = input.options;
  if (source === undefined && server !== undefined) return fromServer(server, input.signal);
  if (source === undefined)
    throw new ConfigError("Cannot write a config: no workflow given", {
      hint: WHAT_IT_TAKES,
    });
  const file = resolve(source);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new ConfigError(`Cannot read ${file}: ${fileProblem(error)}`, { hint: WHAT_IT_TAKES, cause: error });
  });
  if (bytes.length === 0) throw new ConfigError(`Cannot take a workflow from ${file}: it is empty`, { hint: WHAT_IT_TAKES });
  const head = bytes.toString("latin1", 0, 4);
  if (head.startsWith(FIRST_BYTES.png)) return { text: readPromptChunk(bytes, file), name: file, file: null };
  if (head.startsWith(FIRST_BYTES.jpeg) || head.startsWith(FIRST_BYTES.webp))
    return { text: await readExifPrompt(bytes, file), name: file, file: null };
  if (bytes.subarray(0, LOOKED_AT_BYTES).includes(0) && detectForeignEncoding(bytes) === null) {
    throw new ConfigError(`Cannot take a workflow from ${file}: it is neither JSON in UTF-8 nor a PNG, JPEG or WebP image`, {
      hint: WHAT_IT_TAKES,
    });
  }
  return { text: workflowText(bytes, { file }), name: file, file };
}

function readPromptChunk(bytes: Buffer, file: string): string {
  let prompt: string | undefined;
  try {
    prompt = readPngText(bytes).get("prompt");
  } catch (error) {
    throw new ConfigError(`Cannot read the text chunks of ${file}: ${messageOf(error)}`, {
      hint: "the image is damaged: take another one that ComfyUI saved",
      cause: error,
    });
  }
  if (prompt !== undefined) return prompt;
  throw new ConfigError(`Cannot take a workflow from ${file}: it has no text chunk "prompt"`, {
    hint: "take a PNG that ComfyUI saved itself, without --disable-metadata",
  });
}

async function readExifPrompt(bytes: Buffer, file: string): Promise<string> {
  const prompt = await promptInExif(bytes);
  if (prompt !== null) return prompt;
  throw new ConfigError(`Cannot take a workflow from ${file}: there is no graph in its EXIF data`, {
    hint: "take a PNG that ComfyUI saved itself: other formats carry the graph only where the saving node writes it",
  });
}

async function fromServer(url: string, signal: AbortSignal): Promise<WorkflowSource> {
  const { comfyClient } = await import("../../comfy/client/client.ts");
  const client = comfyClient({ url, headers: {} });
  try {
    let newest: { readonly number: number; readonly text: string } | null = null;
    for await (const entry of client.historyAll(signal)) {
      if (newest === null || entry.number > newest.number) newest = { number: entry.number, text: stringifyPython(entry.prompt) };
    }
    if (newest === null)
      throw new ConfigError(`Cannot take a workflow from ${client.url}: its history is empty`, {
        hint: "run the workflow there once, then init again",
      });
    return { text: newest.text, name: `${client.url}/history`, file: null };
  } finally {
    await client.close();
  }
}

/** Source: PNG specification, 5.2 and 11.3.3 (https://www.w3.org/TR/png-3/). */
const SIGNATURE_BYTES = 8;
const CHUNK_OVERHEAD_BYTES = 12;
/** Inflated zTXt and iTXt chunks, bytes: a workflow is below 1 MB. */
const INFLATED_MAX_BYTES = 16 * MIB;

/** Keyword → text of a PNG's tEXt, zTXt and iTXt chunks, the last one winning. Bytes that are no PNG give an empty map. */
function readPngText(bytes: Buffer): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (let at = SIGNATURE_BYTES; at + CHUNK_OVERHEAD_BYTES <= bytes.length;) {
    const sizeBytes = bytes.readUInt32BE(at);
    const type = bytes.toString("latin1", at + 4, at + 8);
    const data = bytes.subarray(at + 8, at + 8 + sizeBytes);
    const text = parseTextChunk(type, data);
    if (text !== null) texts.set(text.keyword, text.value);
    at += CHUNK_OVERHEAD_BYTES + sizeBytes;
  }
  return texts;
}

function parseTextChunk(type: string, data: Buffer): { readonly keyword: string; readonly value: string } | null {
  const keywordEnd = data.indexOf(0);
  if (keywordEnd < 0) return null;
  const keyword = data.toString("latin1", 0, keywordEnd);
  const rest = data.subarray(keywordEnd + 1);
  if (type === "tEXt") return { keyword, value: rest.toString("latin1") };
  if (type === "zTXt") return { keyword, value: inflate(rest.subarray(1)).toString("latin1") };
  if (type !== "iTXt") return null;
  const languageEnd = rest.indexOf(0, 2);
  const translatedEnd = rest.indexOf(0, languageEnd + 1);
  if (languageEnd < 0 || translatedEnd < 0) return null;
  const body = rest.subarray(translatedEnd + 1);
  return { keyword, value: (rest[0] === 1 ? inflate(body) : body).toString("utf8") };
}

const inflate = (data: Buffer): Buffer => inflateSync(data, { maxOutputLength: INFLATED_MAX_BYTES });
