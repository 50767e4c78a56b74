import { messageOf } from "../../errors.ts";
import { withoutHiddenWords } from "../terminal/hidden-words.ts";

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused; nothing listens there",
  ECONNRESET: "the connection was reset",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name service does not answer",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer stopped coming",
  UND_ERR_SOCKET: "the connection was closed in the middle",
  UND_ERR_HEADERS_OVERFLOW: "the headers of its answer are longer than any server's",
};

/** Says why a connection failed. */
export function networkReason(error: unknown): string {
  return WORDS[networkCode(error)] ?? messageOf(error);
}

/** Returns the system's or undici's code. A failure on several addresses hides it in an AggregateError. */
export function networkCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return networkCode(error.errors[0]);
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Returns Retry-After (seconds or a date) in ms from now; undefined without a usable value. Source: RFC 9110 §10.2.3. */
export function retryAfter(value: string | string[] | undefined): number | undefined {
  if (typeof value !== "string") return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Characters of a server's answer that a message shows. */
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

/** Returns true for a text that begins as HTML or XML does. */
export function isHtml(text: string): boolean {
  return /^\s*</.test(text);
}
