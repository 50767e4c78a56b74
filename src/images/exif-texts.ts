/** Field types. Source: TIFF 6.0, section 2; Exif 2.32, 4.6.2. */
const ASCII = 2;
const UNDEFINED = 7;
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8 };
const EXIF_IFD = 0x8769;
const USER_COMMENT = 0x9286;
const CODE_BYTES = 8;
const ENTRIES_MAX = 1_000;

/** The texts in a block of EXIF data: those of its tags, and the comment. What is broken in it is passed over. */
export function exifTexts(exif: Buffer): readonly string[] {
  const data = exif.toString("latin1", 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif;
  const isLittle = data.toString("latin1", 0, 2) === "II";
  const texts: string[] = [];
  const short = (at: number): number => (isLittle ? data.readUInt16LE(at) : data.readUInt16BE(at));
  const long = (at: number): number => (isLittle ? data.readUInt32LE(at) : data.readUInt32BE(at));

  function readFolder(at: number, depth: number): void {
    const count = Math.min(short(at), ENTRIES_MAX);
    for (let entry = at + 2; entry < at + 2 + count * 12; entry += 12) {
      const [tag, type, length] = [short(entry), short(entry + 2), long(entry + 4)];
      const sizeBytes = length * (TYPE_BYTES[type] ?? 0);
      const from = sizeBytes <= 4 ? entry + 8 : long(entry + 8);
      if (tag === EXIF_IFD && depth === 0) readFolder(long(entry + 8), depth + 1);
      else if (type === ASCII) texts.push(data.toString("utf8", from, from + sizeBytes).replace(/\0+$/, ""));
      else if (type === UNDEFINED && tag === USER_COMMENT) texts.push(commentOf(data.subarray(from, from + sizeBytes), isLittle));
    }
  }

  try {
    readFolder(long(4), 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // An offset beyond the end.
  }
  return texts;
}

/** A comment begins with its character code. */
function commentOf(comment: Buffer, isLittle: boolean): string {
  const body = comment.subarray(CODE_BYTES);
  if (!comment.toString("latin1", 0, CODE_BYTES).startsWith("UNICODE")) return body.toString("utf8").replace(/\0+$/, "");
  const even = Buffer.from(body.subarray(0, body.length - (body.length % 2)));
  // The standard leaves the byte order open: a graph begins with an ASCII character.
  const isSwapped = even.length >= 2 ? even[0] === 0 : !isLittle;
  return (isSwapped ? even.swap16() : even).toString("utf16le").replace(/\0+$/, "");
}
