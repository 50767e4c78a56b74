import { isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

/** A model's answer, taken apart. */
export interface AnswerParts {
  /** Without what the model thought aloud. */
  readonly text: string;
  /** The value of the first of these keys that the answer's JSON object has; undefined where there is no object, or none of the keys. */
  valueOf(keys: readonly string[]): Json | undefined;
}

const THOUGHTS = "<think>";
const THOUGHTS_END = "</think>";

/** Models put code fences and words around their JSON, and reasoning models their thoughts before it. */
export function answerParts(answer: string): AnswerParts {
  const text = withoutThoughts(answer).trim();
  const object = objectIn(text);
  return {
    text,
    valueOf(keys) {
      const key = object === null ? undefined : keys.find((name) => Object.hasOwn(object, name));
      return key === undefined ? undefined : object?.[key];
    },
  };
}

/** Nothing is left where they never ended. An end without a beginning: the chat template had begun them. */
function withoutThoughts(answer: string): string {
  const end = answer.lastIndexOf(THOUGHTS_END);
  if (end !== -1) return answer.slice(end + THOUGHTS_END.length);
  return answer.trimStart().startsWith(THOUGHTS) ? "" : answer;
}

/** The whole text as an object, or the last one in it that has no other inside. */
function objectIn(text: string): { readonly [key: string]: Json } | null {
  for (const candidate of [text, ...(text.match(/\{[^{}]*\}/g) ?? []).toReversed()]) {
    const value = candidate.startsWith("{") ? tryParsePython(candidate) : undefined;
    if (isJsonObject(value)) return value;
  }
  return null;
}
