const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** What Python's json module writes for floats that JSON has no word for. Source: docs.python.org/3/library/json.html, "Infinite and NaN". */
const CONSTANTS = ["NaN", "Infinity", "-Infinity"] as const;
const FIRST_LETTERS: ReadonlySet<number> = new Set(CONSTANTS.map((word) => word.charCodeAt(0)));

export interface BareConstantsFilter {
  /** The next piece of the text, as far as it is certain. */
  push(piece: string): string;
  /** What was held back. */
  end(): string;
}

/**
 * Turns NaN, Infinity and -Infinity outside strings into null, piece by piece. ComfyUI puts them into history (a node whose IS_CHANGED
 * fails, ComfyUI#8548) and into /object_info (limits of inputs); without this one such node makes its runs unreadable for ever.
 */
export function bareConstantsFilter(): BareConstantsFilter {
  let inString = false;
  let held = "";

  function push(piece: string): string {
    const text = held + piece;
    held = "";
    let clean = "";
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) inString = !inString;
      else if (inString && code === BACKSLASH) {
        if (at + 1 === text.length) return holdFrom(at);
        at++; // What is escaped ends no string.
      } else if (!inString && FIRST_LETTERS.has(code)) {
        const word = CONSTANTS.find((constant) => text.startsWith(constant, at));
        if (word !== undefined) {
          clean += `${text.slice(from, at)}null`;
          from = at + word.length;
          at = from - 1;
        } else if (mayBecomeConstant(text, at)) return holdFrom(at);
      }
    }
    return clean + text.slice(from);

    function holdFrom(at: number): string {
      held = text.slice(at);
      return clean + text.slice(from, at);
    }
  }

  return { push, end: () => held };
}

/** The whole text at once. */
export function nullBareConstants(text: string): string {
  const filter = bareConstantsFilter();
  return filter.push(text) + filter.end();
}

/** The text ends in the middle of what may be a constant. */
function mayBecomeConstant(text: string, at: number): boolean {
  const rest = text.length - at;
  return rest < "-Infinity".length && CONSTANTS.some((constant) => constant.startsWith(text.slice(at)));
}
