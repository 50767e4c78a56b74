/** Shows control characters, except newline and tab, as `\\x1b`: text of others may hold escape sequences. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** A cut goes back to the last word that ends within this share of the line; one endless word is cut anywhere. */
const KEPT_MIN = 0.6;

/** Returns a text on one line: white space becomes single spaces, and what is too long ends after a word, with `…`. */
export function oneLine(text: string, maxChars: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  if (line.length <= maxChars) return line;
  const cut = line.slice(0, maxChars);
  const lastSpace = line[maxChars] === " " ? maxChars : cut.lastIndexOf(" ");
  return `${lastSpace >= maxChars * KEPT_MIN ? cut.slice(0, lastSpace) : cut}…`;
}
