import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

/** What a server answered to one question. */
export interface ChatAnswer {
  /** The model's words; null where it gave none (a refusal, thoughts without an end). */
  readonly content: string | null;
  /** What is kept: the words, or why there are none. */
  readonly raw: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Of one answer that is kept. */
const RAW_MAX_CHARS = 8_000;

/** Reads a `chat.completion`; undefined where it is none. Source: OpenAI's API reference, "The chat completion object". */
export function readChatAnswer(text: string): ChatAnswer | undefined {
  const answer = tryParsePython(text);
  const choices = isJsonObject(answer) ? answer["choices"] : undefined;
  const choice = isJsonArray(choices) ? choices[0] : undefined;
  const message = isJsonObject(choice) ? choice["message"] : undefined;
  if (!isJsonObject(answer) || !isJsonObject(choice) || !isJsonObject(message)) return undefined;
  const content = wordsOf(message["content"]);
  const refusal = typeof message["refusal"] === "string" ? message["refusal"] : null;
  const usage = isJsonObject(answer["usage"]) ? answer["usage"] : {};
  const raw = content ?? `no answer: ${refusal ?? `finish_reason ${JSON.stringify(choice["finish_reason"] ?? null)}`}`;
  return {
    content: refusal === null ? content : null,
    raw: raw.slice(0, RAW_MAX_CHARS),
    promptTokens: countOf(usage["prompt_tokens"]),
    completionTokens: countOf(usage["completion_tokens"]),
  };
}

/** A text, or its parts. */
function wordsOf(content: Json | undefined): string | null {
  if (typeof content === "string") return content.trim() === "" ? null : content;
  if (!isJsonArray(content)) return null;
  return content.map((part) => (isJsonObject(part) && typeof part["text"] === "string" ? part["text"] : "")).join("") || null;
}

function countOf(value: Json | undefined): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
