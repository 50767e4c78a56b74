import { counted } from "../lib/words.ts";
import type { PromptSource, RawPrompt } from "./prompt-source.ts";

/** Counts by kind, with the place of the first. */
export function openNotes(unit: PromptSource["unit"]) {
  const notes = new Map<string, { readonly noun: string; count: number; readonly first: number }>();
  return {
    /** `noun` is counted, `what` follows it. */
    add(noun: "row" | "prompt", what: string, { position }: RawPrompt): void {
      const note = notes.get(what);
      if (note === undefined) notes.set(what, { noun, count: 1, first: position });
      else note.count++;
    },
    tell(say: (note: string) => void): void {
      for (const [what, { noun, count, first }] of notes) say(`${counted(count, noun)} ${what} (the first: ${unit} ${first})`);
    },
  };
}
