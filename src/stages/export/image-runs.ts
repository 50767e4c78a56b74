import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ExportedImage } from "../../db/queries/export-rows.ts";
import { FatalError } from "../../errors.ts";
import { onScratch } from "./on-scratch.ts";

/** Images sorted in memory at a time, about 5 MB: 4,000,000 of them are 245 files. */
const RUN_IMAGES = 16_384;
/** Read of a run at a time. */
const READ_BYTES = 32 * 1024;
const LINE_FEED = 0x0a;
/** UTF-16 sorts surrogate pairs before what follows them here, UTF-8 after it; below them both agree. */
const SORTED_OTHERWISE = /[\ud800-\uffff]/;

/** Images that come in any order, read back by URI (in the order of its UTF-8) and id. */
export interface ImageRuns extends Disposable {
  add(image: ExportedImage): void;
  /** All of them; equal ones stand together. To be called once, after the last was added. */
  sorted(): Generator<ExportedImage>;
}

/** Sorts some thousand images at a time into a file each, and merges these, in a folder that goes with them. */
export function openImageRuns(folder: string, runImages = RUN_IMAGES): ImageRuns {
  const runs: Run[] = [];
  let images: ExportedImage[] = [];
  // Bytes are compared only where some text needs it: it takes several times as long.
  let compare = comparedAsText;
  const writeRun = (): void => {
    const file = join(folder, `${runs.length}.images`);
    onScratch(file, () => {
      mkdirSync(folder, { recursive: true });
      const descriptor = openSync(file, "w+");
      runs.push({ file, descriptor });
      const bytes = Buffer.from(images.sort(compare).map(toLine).join(""));
      for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, done);
    });
    images = [];
  };
  return {
    add(image) {
      if (compare === comparedAsText && SORTED_OTHERWISE.test(image.uri)) compare = comparedAsBytes;
      images.push(image);
      if (images.length >= runImages) writeRun();
    },
    *sorted() {
      const last = images.sort(compare).values();
      yield* merged([...runs.map(readRun), last], compare);
    },
    [Symbol.dispose]() {
      for (const { descriptor } of runs) closeSync(descriptor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Compare = (first: ExportedImage, second: ExportedImage) => number;

function comparedAsText(first: ExportedImage, second: ExportedImage): number {
  if (first.uri !== second.uri) return first.uri < second.uri ? -1 : 1;
  return first.id === second.id ? 0 : first.id < second.id ? -1 : 1;
}

function comparedAsBytes(first: ExportedImage, second: ExportedImage): number {
  return Buffer.compare(Buffer.from(first.uri), Buffer.from(second.uri)) || comparedAsText(first, second);
}

/** The URI stands last: only it may have spaces. Quoted where a line would end in it, or begin as a quoted one. */
function toLine({ id, uri, sha256, bytes, isReference }: ExportedImage): string {
  return `${id} ${sha256} ${bytes} ${isReference} ${/["\n]/.test(uri) ? JSON.stringify(uri) : uri}\n`;
}

function fromLine(line: string): ExportedImage {
  const [id = "", sha256 = "", bytes = "", isReference = ""] = line.split(" ", 4);
  const uri = line.slice(id.length + sha256.length + bytes.length + isReference.length + 4);
  return {
    id,
    sha256,
    bytes: Number(bytes),
    isReference: isReference === "1" ? 1 : 0,
    uri: uri.startsWith('"') ? String(JSON.parse(uri)) : uri,
  };
}

interface Run {
  readonly file: string;
  readonly descriptor: number;
}

function* readRun({ file, descriptor }: Run): Generator<ExportedImage> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let rest = Buffer.alloc(0);
  for (let position = 0; ;) {
    const got = onScratch(file, () => readSync(descriptor, buffer, 0, READ_BYTES, position));
    if (got === 0) break;
    position += got;
    const bytes = Buffer.concat([rest, buffer.subarray(0, got)]);
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) for (const line of bytes.toString("utf8", 0, end - 1).split("\n")) yield fromLine(line);
    rest = bytes.subarray(end);
  }
  if (rest.length > 0)
    throw new FatalError(`Cannot read ${file}: it was cut short`, { hint: "export again, and let nobody else write there" });
}

interface Head {
  readonly image: ExportedImage;
  readonly run: Iterator<ExportedImage>;
}

function* merged(runs: readonly Iterator<ExportedImage>[], compare: Compare): Generator<ExportedImage> {
  // The first one last.
  const heads: Head[] = [];
  const advance = (run: Iterator<ExportedImage>): void => {
    const next = run.next();
    if (next.done === true) return;
    let [low, high] = [0, heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = heads[middle];
      if (other !== undefined && compare(other.image, next.value) > 0) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, { image: next.value, run });
  };
  for (const run of runs) advance(run);
  for (let first = heads.pop(); first !== undefined; first = heads.pop()) {
    yield first.image;
    advance(first.run);
  }
}
