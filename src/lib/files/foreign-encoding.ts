/** Byte order marks of other encodings, the longer before those that they begin with. iconv takes the mark away under the name without LE or BE. */
const MARKS = [
  ["\xff\xfe\0\0", "UTF-32"],
  ["\0\0\xfe\xff", "UTF-32"],
  ["\xff\xfe", "UTF-16"],
  ["\xfe\xff", "UTF-16"],
] as const;
/** Bytes that are read to detect an encoding. */
const SAMPLE_BYTES = 4096;
/** In text of Latin letters nearly all the upper bytes are 0, and none of the lower. */
const NUL_SHARE = 0.6;

/** The encoding that a text's byte order mark names, null for UTF-8 and where there is none. */
export function detectMarkedEncoding(bytes: Buffer): string | null {
  return MARKS.find(([mark]) => bytes.toString("latin1", 0, mark.length) === mark)?.[1] ?? null;
}

/** Detects the encoding of a text that is not UTF-8, by its mark or by where it holds NUL; null if nothing shows it. `bytes` is its beginning. */
export function detectForeignEncoding(bytes: Buffer): string | null {
  const marked = detectMarkedEncoding(bytes);
  if (marked !== null) return marked;
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const counts = [0, 0, 0, 0];
  for (const [at, byte] of sample.entries()) if (byte === 0) counts[at % 4] = (counts[at % 4] ?? 0) + 1;
  const [a = 0, b = 0, c = 0, d = 0] = counts.map((count) => (4 * count) / sample.length);
  const isMost = (...shares: readonly number[]): boolean => shares.every((share) => share > NUL_SHARE);
  const isFew = (...shares: readonly number[]): boolean => shares.every((share) => share < 1 - NUL_SHARE);
  if (isMost(b, c, d) && isFew(a)) return "UTF-32LE";
  if (isMost(a, b, c) && isFew(d)) return "UTF-32BE";
  if (isMost(b, d) && isFew(a, c)) return "UTF-16LE";
  if (isMost(a, c) && isFew(b, d)) return "UTF-16BE";
  return null;
}

/** Returns the hint that says how to convert a file to UTF-8. */
export function toUtf8Hint(encoding: string): string {
  return `save it as UTF-8 (iconv -f ${encoding} -t UTF-8 OLD > NEW)`;
}
