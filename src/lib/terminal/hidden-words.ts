/** A shorter word is no secret worth hiding, and would blank out ordinary words. */
const SECRET_MIN_CHARS = 6;

/** The text that replaces a secret. */
export const MASK = "***";

/**
 * Words that never leave this process in a message, an event or an error text. One set for the process and not a value that is handed
 * around: a secret may come back in the words of any server, in any stage, and one forgotten parameter would let it through.
 */
const hidden = new Set<string>();

/** Hides these words from now on, in each form in which texts carry them. Short ones are passed over. */
export function hideWords(words: Iterable<string>): void {
  for (const word of words) {
    if (word.length < SECRET_MIN_CHARS) continue;
    for (const form of [word, encodeURIComponent(word), JSON.stringify(word).slice(1, -1)]) hidden.add(form);
  }
}

/** Returns the text with a mask in place of each hidden word. Call it before a text is cut: half of a secret is found no more. */
export function withoutHiddenWords(text: string): string {
  let rest = text;
  for (const word of hidden) if (rest.includes(word)) rest = rest.replaceAll(word, MASK);
  return rest;
}

/** Forgets all hidden words, for tests. A process hides its words to its end. */
export function forgetHiddenWords(): void {
  hidden.clear();
}

/**
 * A server's words without the values of the headers that it was sent, in whatever form: some proxies repeat them in their errors. Other
 * hidden words go, too.
 */
export function withoutSecrets(text: string, headers: Readonly<Record<string, string>>): string {
  const words = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/)]);
  const secrets = words.flatMap((word) => [word, encodeURIComponent(word), ...decodedBasic(word)]);
  return secrets
    .filter((secret) => secret.length >= SECRET_MIN_CHARS)
    .reduce((rest, secret) => rest.replaceAll(secret, MASK), withoutHiddenWords(text));
}

/** Returns user:password and the password, if the word is the value of `Basic` credentials. */
function decodedBasic(word: string): readonly string[] {
  const text = Buffer.from(word, "base64").toString("utf8");
  return /^[^\s:]+:\S+$/.test(text) ? [text, text.slice(text.indexOf(":") + 1)] : [];
}
