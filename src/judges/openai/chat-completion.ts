import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

/** A question with its images, and the JSON that is hoped for. */
export interface Question {
  readonly text: string;
  /** data: URLs, with what stands before each. */
  readonly images: readonly { readonly label: string | null; readonly url: string }[];
  readonly answer: AnswerShape;
}

/** Name and JSON Schema of an answer. */
export interface AnswerShape {
  readonly name: string;
  readonly properties: Readonly<Record<string, object>>;
}

export const RATING_SHAPE: AnswerShape = { name: "rating", properties: { score: { type: "number" } } };
export const CHOICE_SHAPE: AnswerShape = { name: "choice", properties: { better: { type: "string", enum: ["A", "B", "tie"] } } };

export interface QuestionOptions {
  readonly model: string;
  readonly maxTokens: number;
  readonly form: RequestForm;
}

/** The body of POST /chat/completions. Source: OpenAI's API reference, "Create chat completion"; vLLM and SGLang take the same. */
export function formatQuestion({ text, images, answer }: Question, { model, maxTokens, form }: QuestionOptions): string {
  const content = [
    { type: "text", text },
    ...images.flatMap(({ label, url }) => [
      ...(label === null ? [] : [{ type: "text", text: label }]),
      { type: "image_url", image_url: { url } },
    ]),
  ];
  const schema = { type: "object", properties: answer.properties, required: Object.keys(answer.properties), additionalProperties: false };
  return JSON.stringify({
    model,
    messages: [{ role: "user", content }],
    ...(form.hasTemperature ? { temperature: 0 } : {}),
    [form.limitKey]: maxTokens,
    ...(form.hasSchema ? { response_format: { type: "json_schema", json_schema: { name: answer.name, strict: true, schema } } } : {}),
  });
}

/** How a request is put: servers differ in what they know of OpenAI's API. */
export interface RequestForm {
  /** With `response_format`: the server makes the answer fit a JSON Schema. */
  readonly hasSchema: boolean;
  readonly limitKey: "max_tokens" | "max_completion_tokens";
  /** With `temperature: 0`. */
  readonly hasTemperature: boolean;
}

export const FIRST_FORM: RequestForm = { hasSchema: true, limitKey: "max_tokens", hasTemperature: true };

/** What to try after a server refused a request in this form (400 or 422) with these words; null where nothing is left to leave out. */
export function nextForm(form: RequestForm, words: string): RequestForm | null {
  // OpenAI's newer models refuse max_tokens, and name the other in their error.
  if (form.limitKey === "max_tokens" && words.includes("max_completion_tokens")) return { ...form, limitKey: "max_completion_tokens" };
  // Its reasoning models know one temperature only. Words about response_format may repeat the whole request, which names it, too.
  const isAboutSchema = form.hasSchema && words.includes("response_format");
  if (form.hasTemperature && words.includes("temperature") && !isAboutSchema) return { ...form, hasTemperature: false };
  return form.hasSchema ? { ...form, hasSchema: false } : null;
}

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
