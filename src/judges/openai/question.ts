import type { RequestForm } from "./request-form.ts";

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
export function questionBody({ text, images, answer }: Question, { model, maxTokens, form }: QuestionOptions): string {
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
