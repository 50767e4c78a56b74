import { createHash } from "node:crypto";
import { posix } from "node:path";
import { FOLDER_TYPES, insideFolder, type DiskFile, type EmulatorDisk, type FilePlace, type FolderType } from "./disk.ts";
import type { PyDict } from "../python-json.ts";

interface Annotated {
  readonly name: string;
  /** The folder that the name itself gives, as in "a.png [output]". */
  readonly type: FolderType | undefined;
}

/** ComfyUI's "annotated" file names: `name [output]`, `name [input]`, `name [temp]`. */
export function annotated(name: string): Annotated {
  const type = FOLDER_TYPES.find((candidate) => name.endsWith(`[${candidate}]`));
  // The annotation and the space before it are cut off, whatever that character is.
  return type === undefined ? { name, type } : { name: name.slice(0, -(type.length + 3)), type };
}

/** The place that an annotated name means; undefined if it leaves its folder. */
export function placeOf(text: string, fallback: FolderType): FilePlace | undefined {
  const { name, type = fallback } = annotated(text);
  const path = insideFolder(name);
  if (path === undefined || path === "") return undefined;
  const folder = posix.dirname(path);
  return { type, subfolder: folder === "." ? "" : folder, filename: posix.basename(path) };
}

/** The file that an annotated name means, if there is one. */
export function fileAt(
  disk: Pick<EmulatorDisk, "get">,
  { name, fallback }: { readonly name: string; readonly fallback: FolderType },
): DiskFile | undefined {
  const place = placeOf(name, fallback);
  return place === undefined ? undefined : disk.get(place);
}

/** SHA-256 (hex) of the file that LoadImage's input names, if there is one. */
export function imageHash(inputs: PyDict, disk: Pick<EmulatorDisk, "get" | "read">): string | undefined {
  const name = inputs.get("image");
  const file = typeof name === "string" ? fileAt(disk, { name, fallback: "input" }) : undefined;
  return file === undefined ? undefined : createHash("sha256").update(disk.read(file)).digest("hex");
}

export function isFolderType(type: string): type is FolderType {
  return FOLDER_TYPES.some((candidate) => candidate === type);
}
