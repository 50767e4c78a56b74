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
export function formAfter(form: RequestForm, words: string): RequestForm | null {
  // OpenAI's newer models refuse max_tokens, and name the other in their error.
  if (form.limitKey === "max_tokens" && words.includes("max_completion_tokens")) return { ...form, limitKey: "max_completion_tokens" };
  // Its reasoning models know one temperature only. Words about response_format may repeat the whole request, which names it, too.
  const isAboutSchema = form.hasSchema && words.includes("response_format");
  if (form.hasTemperature && words.includes("temperature") && !isAboutSchema) return { ...form, hasTemperature: false };
  return form.hasSchema ? { ...form, hasSchema: false } : null;
}
