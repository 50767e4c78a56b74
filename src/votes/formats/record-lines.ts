import { MIB } from "../../lib/units.ts";

/** Characters of a record: far above a task with hundreds of annotations; a file that is one endless record ends here, not in memory. */
const RECORD_MAX_CHARACTERS = 16 * MIB;

export interface RecordLines {
  /** Passes the text on. @throws {RangeError} naming the line of a record that is too long. */
  through(chunks: AsyncIterable<string>): AsyncGenerator<string>;
  /** The line, from 1, at which the next record begins that was not asked for yet; after the last, where the text ended. */
  take(): number;
}

/**
 * Notes at which line each record of a JSON array begins while its text passes: the parser behind does not say. It checks nothing of the
 * JSON, which the parser does, and holds one number for each record between the two.
 */
export function recordLines(maxCharacters = RECORD_MAX_CHARACTERS): RecordLines {
  const starts: number[] = [];
  let line = 1;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  /** In the array, where the next thing that is no blank begins a record. */
  let isBetween = false;
  let recordCharacters = 0;

  const seeInString = (character: string): void => {
    if (isEscaped) isEscaped = false;
    else if (character === "\\") isEscaped = true;
    else if (character === '"') isInString = false;
  };
  const see = (character: string): void => {
    if (character === "\n") line++;
    if (isInString) return seeInString(character);
    if (character === "," && depth === 1) isBetween = true;
    else if (character === "]" || character === "}") depth--;
    else if (isBetween && !/\s/.test(character)) {
      starts.push(line);
      isBetween = false;
      recordCharacters = 0;
    }
    if (character === '"') isInString = true;
    else if (character === "[" || character === "{") {
      depth++;
      if (depth === 1) isBetween = true;
    }
  };

  return {
    async *through(chunks) {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at++) see(chunk[at] ?? "");
        recordCharacters += chunk.length;
        if (recordCharacters > maxCharacters + chunk.length)
          throw new RangeError(`the record at line ${starts.at(-1) ?? line} is longer than ${maxCharacters} characters`);
        yield chunk;
      }
    },
    take: () => starts.shift() ?? line,
  };
}
