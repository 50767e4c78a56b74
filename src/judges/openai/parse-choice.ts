import { answerParts } from "./answer-parts.ts";
import { onlyValue } from "./only-value.ts";

export type Choice = "A" | "B" | "tie";

const BARE = /^\**(?:image |picture )?(A|B|tie)\**\.?$/i;
/** `Winner: A`, `the better picture is B`, `**Answer**: tie`. Letters only as capitals: "a" is a word. */
const LABELLED =
  /\b(?:[Bb]etter|[Ww]inner|[Pp]referred|[Aa]nswer|[Cc]hoice|[Vv]erdict)\b["*_\s]*(?:image|picture)?\s*(?:is)?["*_\s]*[:=]?["*_\s]*(?:[Ii]mage |[Pp]icture )?["*_]*(A|B|[Tt]ie)\b/g;

/** Which image a model's answer prefers; null where it says none, or both. */
export function parseChoice(answer: string): Choice | null {
  const parts = answerParts(answer);
  const given = parts.valueOf(["better", "winner"]);
  if (given !== undefined) return typeof given === "string" ? choiceOf(BARE.exec(given.trim())?.[1]) : null;
  const bare = BARE.exec(parts.text)?.[1];
  const words = bare === undefined ? [...parts.text.matchAll(LABELLED)].map((match) => match[1]) : [bare];
  return onlyValue(words.flatMap((word) => choiceOf(word) ?? []));
}

function choiceOf(word: string | undefined): Choice | null {
  const upper = word?.toUpperCase();
  if (upper === "A" || upper === "B") return upper;
  return upper === "TIE" ? "tie" : null;
}
