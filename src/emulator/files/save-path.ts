import { posix } from "node:path";
import { insideFolder } from "./disk.ts";

interface SaveRequest {
  readonly prefix: string;
  readonly width: number;
  readonly height: number;
  readonly now: Date;
  /** Files already in a folder. */
  readonly names: (subfolder: string) => Iterable<string>;
}

export interface SavePath {
  readonly subfolder: string;
  readonly filename: string;
  /** Of the first file. */
  readonly counter: number;
}

/**
 * Where SaveImage puts its files: like ComfyUI it looks for the highest counter in the folder, so that a deleted number comes
 * back, and it looks for the prefix as it was written, so that a prefix with %batch_num% or a trailing "/" overwrites.
 * Undefined if the prefix leaves the output folder.
 */
export function savePath({ prefix, width, height, now, names }: SaveRequest): SavePath | undefined {
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

type Values = Pick<SaveRequest, "width" | "height" | "now">;

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
