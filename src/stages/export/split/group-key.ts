import { hash } from "node:crypto";
import { foldCase } from "./fold-case.ts";

/** UTF-16 sorts surrogate pairs before these, UTF-8 after them; below them both agree. */
const SORTED_OTHERWISE = /[\ud800-\uffff]/;

/**
 * What makes two prompts near enough to share a split: SHA-256 (hex) over the casefolded, NFKC-normalised words without punctuation
 * (Unicode's P), sorted in code point order, each once, joined by spaces. A property of the prompt alone.
 */
export function groupKeyOf(prompt: string): string {
  const words = foldCase(prompt.toWellFormed())
    .normalize("NFKC")
    .replace(/\p{P}/gu, "")
    .split(/\s+/u)
    .filter((word) => word !== "");
  return hash("sha256", sortedByCodePoint([...new Set(words)]).join(" "));
}

function sortedByCodePoint(words: readonly string[]): readonly string[] {
  if (!words.some((word) => SORTED_OTHERWISE.test(word))) return words.toSorted();
  return words.toSorted((first, second) => Buffer.compare(Buffer.from(first), Buffer.from(second)));
}
