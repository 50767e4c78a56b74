import { isJsonObject, type Json } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

export type Choice = "A" | "B" | "tie";

const BARE_CHOICE = /^\**(?:image |picture )?(A|B|tie)\**\.?$/i;
/** `Winner: A`, `the better picture is B`, `**Answer**: tie`. The letters must be capitals, because "a" is a word. */
const LABELLED_CHOICE =
  /\b(?:[Bb]etter|[Ww]inner|[Pp]referred|[Aa]nswer|[Cc]hoice|[Vv]erdict)\b["*_\s]*(?:image|picture)?\s*(?:is)?["*_\s]*[:=]?["*_\s]*(?:[Ii]mage |[Pp]icture )?["*_]*(A|B|[Tt]ie)\b/g;

/** Returns the image that an answer prefers. Null if it prefers none, or names both. */
export function parseChoice(answer: string): Choice | null {
  const parts = splitAnswer(answer);
  const given = parts.valueOf(["better", "winner"]);
  if (given !== undefined) return typeof given === "string" ? choiceOf(BARE_CHOICE.exec(given.trim())?.[1]) : null;
  const bare = BARE_CHOICE.exec(parts.text)?.[1];
  const words = bare === undefined ? [...parts.text.matchAll(LABELLED_CHOICE)].map((match) => match[1]) : [bare];
  return onlyValue(words.flatMap((word) => choiceOf(word) ?? []));
}

function choiceOf(word: string | undefined): Choice | null {
  const upper = word?.toUpperCase();
  if (upper === "A" || upper === "B") return upper;
  return upper === "TIE" ? "tie" : null;
}

/** Returns the value that all of them have. Null if they differ, or there are none. */
function onlyValue<Value>(values: readonly Value[]): Value | null {
  const [first] = values;
  return first === undefined || values.some((value) => value !== first) ? null : first;
}

/** The parts of a model's answer. */
interface AnswerParts {
  /** The text without the reasoning before it. */
  readonly text: string;
  /** Returns the value of the first of these keys in the answer's JSON object. Undefined if there is no object, or it has none of them. */
  valueOf(keys: readonly string[]): Json | undefined;
}

const REASONING = "<think>";
const REASONING_END = "</think>";

/** Splits an answer. Models put code fences and text around their JSON, and reasoning models put their reasoning before it. */
function splitAnswer(answer: string): AnswerParts {
  const text = withoutReasoning(answer).trim();
  const object = objectIn(text);
  return {
    text,
    valueOf(keys) {
      const key = object === null ? undefined : keys.find((name) => Object.hasOwn(object, name));
      return key === undefined ? undefined : object?.[key];
    },
  };
}

/**
 * Removes the reasoning. An end tag without a start tag is possible: the chat template has the start tag. Reasoning that never ends leaves
 * nothing.
 */
function withoutReasoning(answer: string): string {
  const end = answer.lastIndexOf(REASONING_END);
  if (end !== -1) return answer.slice(end + REASONING_END.length);
  return answer.trimStart().startsWith(REASONING) ? "" : answer;
}

/** Parses the whole text as an object, or the last object in it that has no other inside. */
function objectIn(text: string): { readonly [key: string]: Json } | null {
  for (const candidate of [text, ...(text.match(/\{[^{}]*\}/g) ?? []).toReversed()]) {
    const value = candidate.startsWith("{") ? tryParsePython(candidate) : undefined;
    if (isJsonObject(value)) return value;
  }
  return null;
}

/** A number alone, or a number out of ten. */
const BARE_RATING = /^\**(-?\d+(?:\.\d+)?)(?:\s*\/\s*10)?\**\.?$/;
/** `Final Score: 8`, `**Rating**: 7.5/10`, `the score is 3`. */
const LABELLED_RATING = /\b(?:score|rating)\b["*_\s]*(?:is|of)?["*_\s]*[:=]?["*_\s]*(-?\d+(?:\.\d+)?)/gi;

/** Returns the rating in an answer, a finite number. Null if there is none, or several that differ. */
export function parseRating(answer: string): number | null {
  const parts = splitAnswer(answer);
  const given = parts.valueOf(["score", "rating"]);
  if (given !== undefined) return numberOf(given);
  const bare = BARE_RATING.exec(parts.text)?.[1];
  const found = bare === undefined ? [...parts.text.matchAll(LABELLED_RATING)].map((match) => Number(match[1])) : [Number(bare)];
  return onlyValue(found.filter(Number.isFinite));
}

function numberOf(value: Json): number | null {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") return null;
  const number = typeof value === "string" ? Number(BARE_RATING.exec(value.trim())?.[1] ?? Number.NaN) : Number(value);
  return Number.isFinite(number) ? number : null;
}
