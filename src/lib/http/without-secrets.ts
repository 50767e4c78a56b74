import { MASK, SECRET_MIN_CHARS, withoutHiddenWords } from "../terminal/hidden-words.ts";

/** A server's words without the values of the headers that it was sent, in whatever form: some proxies repeat them in their errors. Other hidden words go, too. */
export function withoutSecrets(text: string, headers: Readonly<Record<string, string>>): string {
  const words = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/)]);
  const secrets = words.flatMap((word) => [word, encodeURIComponent(word), ...decodedBasic(word)]);
  return secrets
    .filter((secret) => secret.length >= SECRET_MIN_CHARS)
    .reduce((rest, secret) => rest.replaceAll(secret, MASK), withoutHiddenWords(text));
}

/** What `Basic` credentials say, user and password apart, where the word is such. */
function decodedBasic(word: string): readonly string[] {
  const text = Buffer.from(word, "base64").toString("utf8");
  return /^[^\s:]+:\S+$/.test(text) ? [text, text.slice(text.indexOf(":") + 1)] : [];
}
