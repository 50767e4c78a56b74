/** Characters of a prompt under a sample. */
const PROMPT_CHARS = 120;

/** A pair that the card shows. */
export interface CardSample {
  readonly prompt: string;
  readonly source: string;
  /** In the version. */
  readonly chosen: string;
  readonly rejected: string;
}

/** The first pairs as small images; empty where there are none. */
export function samplesSection(samples: readonly CardSample[]): string {
  if (samples.length === 0) return "";
  const rows = samples.map(
    ({ prompt, source, chosen, rejected }) => `| ${cell(prompt)} | ![chosen](${chosen}) | ![rejected](${rejected}) | \`${source}\` |`,
  );
  return `## Samples\n\n| prompt | chosen | rejected | source |\n|---|---|---|---|\n${rows.join("\n")}`;
}

/** A prompt is anybody's text: shown as it is, whatever Markdown and HTML would make of it. */
function cell(prompt: string): string {
  const characters = Array.from(prompt.toWellFormed().replace(/\s+/gu, " ").trim());
  const shown = characters.slice(0, PROMPT_CHARS).join("") + (characters.length > PROMPT_CHARS ? "…" : "");
  return shown.replace(/[\\`*_{}[\]()<>#+!|&~$@:-]/g, (character) => `&#${character.codePointAt(0)};`);
}
