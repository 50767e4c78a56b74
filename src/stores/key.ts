const KEY = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

/**
 * Lets only keys through that are the same on every store: letters, digits, `.`, `_`, `-`, single slashes, no `.` or `..` part.
 * @throws {RangeError} otherwise: keys are ours, so a bad one is a bug and no user's mistake.
 */
export function checkKey(key: string): string {
  if (!isKey(key)) throw new RangeError(`Bad object key ${JSON.stringify(key)}`);
  return key;
}

/** For what was read and may be damaged. */
export function isKey(text: string): boolean {
  return KEY.test(text) && text.split("/").every((part) => part !== "." && part !== "..");
}
