/** Needs no quotes in a shell. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/** A file name as a shell takes it for one word. */
export function shellWord(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
