import { RejectError } from "../../errors.ts";

/** Longest name of a file on the systems that ComfyUI runs on, bytes. Source: NAME_MAX of Linux and macOS. */
const NAME_MAX_BYTES = 255;
/** Longest folder below the output folder, bytes: MAX_PATH of Windows times four leaves room for everything real. */
const SUBFOLDER_MAX_BYTES = 1_024;
/** ComfyUI's folders that a finished run's images lie in. */
const TYPES = new Set(["output", "temp"]);

export interface SourceName {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/**
 * Checks where a server says that an image is, before it is asked for it. None of it ever becomes a path of ours; a name that tries to
 * is a sign of a hostile or broken server.
 * @throws {RejectError} "hostile-name".
 */
export function checkSourceName({ filename, subfolder, type }: SourceName): void {
  // On Windows ComfyUI separates subfolders with a backslash (os.path.normpath).
  const folders = subfolder === "" ? [] : subfolder.split(/[/\\]/);
  if (!TYPES.has(type)) throw hostile("type", type);
  if (!isPlainName(filename)) throw hostile("filename", filename);
  if (Buffer.byteLength(subfolder) > SUBFOLDER_MAX_BYTES || !folders.every(isPlainName)) throw hostile("subfolder", subfolder);
}

/** One part of a path: no separator, no drive, no control or direction character. */
function isPlainName(name: string): boolean {
  if (name === "" || name === "." || name === ".." || Buffer.byteLength(name) > NAME_MAX_BYTES) return false;
  return !/[/\\:\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(name);
}

function hostile(what: string, value: string): RejectError {
  // Cut and escaped, since it may be long, and meant for a terminal.
  const shown = JSON.stringify(value.slice(0, 80)).replaceAll(
    /[^ -~]/g,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
  );
  return new RejectError("hostile-name", `The server names a ${what} that no image can have: ${shown}`);
}
