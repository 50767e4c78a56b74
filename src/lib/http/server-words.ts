import { withoutHiddenWords } from "../terminal/hidden-words.ts";

/** Of a server's words in a message, characters. */
const WORDS_CHARS = 300;

/** Beyond this share of characters that no text has, a body is no words: packed, an image, another charset. */
const GARBAGE_MAX = 0.1;
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const GARBAGE = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufffd]/g;

/** A server's words on one line: of a page its title, cut to a length; said to be none where they are bytes of something else. */
export function serverWords(said: string): string {
  const text = withoutHiddenWords(said);
  const start = text.slice(0, WORDS_CHARS);
  if ((start.match(GARBAGE)?.length ?? 0) > start.length * GARBAGE_MAX) return "bytes that are no text";
  const words = isHtml(text) ? (/<title[^>]*>([^<]*)/i.exec(text.slice(0, 10_000))?.[1] ?? "") : text.slice(0, 10 * WORDS_CHARS);
  const line = words.replaceAll(GARBAGE, "?").trim().replaceAll(/\s+/g, " ");
  return line.length > WORDS_CHARS ? `${line.slice(0, WORDS_CHARS)}…` : line;
}

export function isHtml(text: string): boolean {
  return /^\s*</.test(text);
}
