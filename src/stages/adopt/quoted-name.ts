const NAME_CHARS = 200;

/** A name that anybody may have chosen, for messages: cut, quoted, and nothing in it that a terminal would obey. */
export function quotedName(name: string): string {
  const cut = name.length > NAME_CHARS ? `…${name.slice(-NAME_CHARS)}` : name;
  const escape = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`;
  return `"${cut.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escape)}"`;
}
