/** Of a server's words in a message, characters. */
const WORDS_CHARS = 300;

/** A server's words on one line: of a page its title, cut to a length. */
export function serverWords(text: string): string {
  const words = isHtml(text) ? (/<title[^>]*>([^<]*)/i.exec(text.slice(0, 10_000))?.[1] ?? "") : text.slice(0, 10 * WORDS_CHARS);
  const line = words.trim().replaceAll(/\s+/g, " ");
  return line.length > WORDS_CHARS ? `${line.slice(0, WORDS_CHARS)}…` : line;
}

export function isHtml(text: string): boolean {
  return /^\s*</.test(text);
}
