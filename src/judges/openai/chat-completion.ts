import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

/** A question with its images and the form of the JSON answer. */
export interface Question {
  readonly text: string;
  /** Images as data: URLs, each with the text before it. */
  readonly images: readonly { readonly label: string | null; readonly url: string }[];
  readonly answer: AnswerShape;
}

/** Name and properties of the JSON Schema of an answer. */
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

/** Formats the body of POST /chat/completions. Source: OpenAI's API reference, "Create chat completion"; vLLM and SGLang take the same. */
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

/** The parameters of a request. Servers support different parts of OpenAI's API. */
export interface RequestForm {
  /** Send `response_format`, with which the server makes the answer fit a JSON Schema. */
  readonly hasSchema: boolean;
  readonly limitKey: "max_tokens" | "max_completion_tokens";
  /** Send `temperature: 0`. */
  readonly hasTemperature: boolean;
}

export const FIRST_FORM: RequestForm = { hasSchema: true, limitKey: "max_tokens", hasTemperature: true };

/**
 * Returns the form to try after a server refused `form` (400 or 422) with the text `words`. Returns null if nothing more can be left out.
 */
export function nextForm(form: RequestForm, words: string): RequestForm | null {
  // OpenAI's newer models refuse max_tokens and name the new parameter in the error.
  if (form.limitKey === "max_tokens" && words.includes("max_completion_tokens")) return { ...form, limitKey: "max_completion_tokens" };
  // OpenAI's reasoning models support one temperature only. An error about response_format may quote the whole request, temperature
  // included.
  const isAboutSchema = form.hasSchema && words.includes("response_format");
  if (form.hasTemperature && words.includes("temperature") && !isAboutSchema) return { ...form, hasTemperature: false };
  return form.hasSchema ? { ...form, hasSchema: false } : null;
}

/** The answer to one question. */
export interface ChatAnswer {
  /** The model's text. Null if it gave none: a refusal, or reasoning that never ended. */
  readonly content: string | null;
  /** The text to store with the score: the content, or why there is none. */
  readonly raw: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Most characters of an answer that are stored. */
const RAW_MAX_CHARS = 8_000;

/** Parses a `chat.completion`. Returns undefined if the text is none. Source: OpenAI's API reference, "The chat completion object". */
export function parseChatAnswer(text: string): ChatAnswer | undefined {
  const answer = tryParsePython(text);
  const choices = isJsonObject(answer) ? answer["choices"] : undefined;
  const choice = isJsonArray(choices) ? choices[0] : undefined;
  const message = isJsonObject(choice) ? choice["message"] : undefined;
  if (!isJsonObject(answer) || !isJsonObject(choice) || !isJsonObject(message)) return undefined;
  const content = textOfContent(message["content"]);
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

/** Returns the content, which is a text or a list of parts. Null if it is empty. */
function textOfContent(content: Json | undefined): string | null {
  if (typeof content === "string") return content.trim() === "" ? null : content;
  if (!isJsonArray(content)) return null;
  return content.map((part) => (isJsonObject(part) && typeof part["text"] === "string" ? part["text"] : "")).join("") || null;
}

function countOf(value: Json | undefined): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
