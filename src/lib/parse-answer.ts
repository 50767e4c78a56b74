import { parseExact, type Json } from "./exact-json.ts";
import { nullBareConstants } from "./bare-constants.ts";

/** Parses what Python programs send: exact integers, and NaN and Infinity as null. Undefined if it is no JSON all the same. */
export function parseAnswer(text: string): Json | undefined {
  for (const spelling of [() => text, () => nullBareConstants(text)]) {
    try {
      return parseExact(spelling());
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}
