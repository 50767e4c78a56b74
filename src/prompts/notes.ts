import type { PromptSource, RawPrompt } from "./prompt-source.ts";

/** Counts by kind, with the place of the first. */
export function openNotes(unit: PromptSource["unit"]) {
  const notes = new Map<string, { count: number; readonly first: number }>();
  return {
    add(what: string, { position }: RawPrompt): void {
      const note = notes.get(what);
      if (note === undefined) notes.set(what, { count: 1, first: position });
      else note.count++;
    },
    tell(say: (note: string) => void): void {
      for (const [what, { count, first }] of notes) say(`${count} ${what} (the first: ${unit} ${first})`);
    },
  };
}
