import { posix } from "node:path";
import { type EmulatorDisk, insideFolder } from "./disk.ts";
import { PyException } from "../python-values.ts";
import { sizeOf, type Image } from "../images/image.ts";
import type { TextChunk } from "../images/png.ts";
import { dict, type PyValue } from "../python-json.ts";

interface SaveRequest {
  readonly images: readonly Image[];
  readonly prefix: string;
  readonly type: "output" | "temp";
  readonly text: readonly TextChunk[];
  /** Stands between the counter and the extension. @default "_" */
  readonly ending?: "" | "_";
}

/** The folder in which this server claims to be installed. */
const ROOT = "/ComfyUI";

/** Saves a batch under consecutive counters and returns history's list of it. @throws {PyException} for a prefix that leaves the folder. */
export function saveImages(disk: EmulatorDisk, { images, prefix, type, text, ending = "_" }: SaveRequest): PyValue {
  const [first] = images;
  const { width, height } = first === undefined ? { width: 0, height: 0 } : sizeOf(first);
  const path = choosePath({ prefix, width, height, now: new Date(), names: (subfolder) => disk.names({ type, subfolder }) });
  if (path === undefined) throw outsideFolder(prefix, type);
  const { subfolder } = path;
  const places = images.map((_, index) => {
    const counter = String(path.counter + index).padStart(5, "0");
    return { type, subfolder, filename: `${path.filename.replaceAll("%batch_num%", String(index))}_${counter}${ending}.png` };
  });
  disk.saveImages(places, { images, text });
  return places.map(({ filename }) => dict({ filename, subfolder, type }));
}

function outsideFolder(prefix: string, type: string): PyException {
  const output = `${ROOT}/${type}`;
  const full = posix.resolve(output, posix.dirname(posix.normalize(prefix)));
  const lines = [
    "**** ERROR: Saving image outside the output folder is not allowed.",
    ` full_output_folder: ${full}`,
    `         output_dir: ${output}`,
    `         commonpath: ${commonPath(full, output)}`,
  ];
  return new PyException("Exception", lines.join("\n"));
}

function commonPath(a: string, b: string): string {
  const other = b.split("/");
  const shared: string[] = [];
  for (const [index, part] of a.split("/").entries()) {
    if (part !== other[index]) break;
    shared.push(part);
  }
  return shared.join("/") || "/";
}

interface PathRequest {
  readonly prefix: string;
  readonly width: number;
  readonly height: number;
  readonly now: Date;
  /** Files already in a folder. */
  readonly names: (subfolder: string) => Iterable<string>;
}

interface SavePath {
  readonly subfolder: string;
  readonly filename: string;
  /** Counter of the first file. */
  readonly counter: number;
}

/**
 * Chooses where SaveImage puts its files. Like ComfyUI, it looks for the highest counter in the folder, so a deleted number comes back.
 * It compares the prefix as it was written, so a prefix with %batch_num% or a trailing "/" overwrites files.
 * Returns undefined if the prefix leaves the output folder.
 */
function choosePath({ prefix, width, height, now, names }: PathRequest): SavePath | undefined {
  const filled = fillIn(prefix, { width, height, now });
  const normal = posix.normalize(filled).replace(/\/$/, "");
  const filename = posix.basename(normal);
  const folder = posix.dirname(normal);
  const subfolder = insideFolder(folder);
  if (subfolder === undefined) return undefined;
  return { subfolder, filename, counter: highestCounter(names(subfolder), { filename, written: basename(filled) }) + 1 };
}

/** Python's `os.path.basename`: `""` after a trailing slash, unlike Node's. */
function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** ComfyUI compares as many characters as the prefix has as it was written: one that was changed on the way never matches. */
function highestCounter(names: Iterable<string>, { filename, written }: { readonly filename: string; readonly written: string }): number {
  if (filename.length !== written.length) return 0;
  const head = `${filename}_`;
  let highest = 0;
  for (const name of names) {
    if (!name.startsWith(head)) continue;
    const digits = name.slice(head.length).split("_", 1)[0] ?? "";
    if (/^\d+$/.test(digits)) highest = Math.max(highest, Number(digits));
  }
  return highest;
}

type Values = Pick<PathRequest, "width" | "height" | "now">;

function fillIn(prefix: string, { width, height, now }: Values): string {
  if (!prefix.includes("%")) return prefix;
  const two = (value: number): string => String(value).padStart(2, "0");
  return prefix
    .replaceAll("%width%", String(width))
    .replaceAll("%height%", String(height))
    .replaceAll("%year%", String(now.getFullYear()))
    .replaceAll("%month%", two(now.getMonth() + 1))
    .replaceAll("%day%", two(now.getDate()))
    .replaceAll("%hour%", two(now.getHours()))
    .replaceAll("%minute%", two(now.getMinutes()))
    .replaceAll("%second%", two(now.getSeconds()));
}
