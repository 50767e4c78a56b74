import { posix } from "node:path";
import { paint } from "../images/image.ts";
import { encodePng } from "../images/png.ts";
import { recipeBook, type PackedRecipe, type Recipe } from "../images/recipe.ts";
import { createHash } from "node:crypto";
import type { PyDict } from "../python-json.ts";

const FOLDER_TYPES = ["output", "input", "temp"] as const;
export type FolderType = (typeof FOLDER_TYPES)[number];

export interface FilePlace {
  readonly type: FolderType;
  /** Normalised, `""` at the top. */
  readonly subfolder: string;
  readonly filename: string;
}

export interface DiskFile {
  readonly mtimeMs: number;
  /** Differs for each write, so that an overwritten file has another Etag. */
  readonly write: number;
  readonly content: { readonly recipe: PackedRecipe; readonly index: number } | { readonly bytes: Uint8Array };
}

/** The files of one or several emulators: output and input outlive a restart, temp does not. */
export interface EmulatorDisk {
  names(place: Omit<FilePlace, "filename">): Iterable<string>;
  get(place: FilePlace): DiskFile | undefined;
  /** Remembers an image; all files of one call share its text chunks. */
  saveImages(places: readonly FilePlace[], recipe: Recipe): void;
  saveBytes(place: FilePlace, bytes: Uint8Array): void;
  delete(place: FilePlace): boolean;
  purge(type: FolderType): void;
  /** Content of the file. Images are painted anew each time. */
  read(file: DiskFile): Buffer;
  recipeOf(file: DiskFile): Recipe | undefined;
  /** Every place of a type, folder by folder. */
  places(type: FolderType): Iterable<FilePlace>;
}

/** A disk in memory: saved images take some hundred bytes each, uploads their size. */
export function emulatorDisk(): EmulatorDisk {
  const folders = new Map<string, Map<string, DiskFile>>();
  const book = recipeBook();
  let writes = 0;

  const keyOf = ({ type, subfolder }: Omit<FilePlace, "filename">): string => `${type}/${subfolder}`;

  function put(place: FilePlace, content: DiskFile["content"]): void {
    const key = keyOf(place);
    const folder = folders.get(key) ?? new Map<string, DiskFile>();
    folders.set(key, folder);
    folder.set(place.filename, { mtimeMs: Date.now(), write: ++writes, content });
  }

  return {
    names: (place) => folders.get(keyOf(place))?.keys() ?? [],
    get: (place) => folders.get(keyOf(place))?.get(place.filename),
    saveImages(places, recipe) {
      const packed = book.pack(recipe);
      for (const [index, place] of places.entries()) put(place, { recipe: packed, index });
    },
    saveBytes: (place, bytes) => put(place, { bytes }),
    delete: (place) => folders.get(keyOf(place))?.delete(place.filename) ?? false,
    purge(type) {
      for (const key of folders.keys()) if (key.startsWith(`${type}/`)) folders.delete(key);
    },
    read({ content }) {
      if ("bytes" in content) return Buffer.from(content.bytes);
      const { images, text } = book.unpack(content.recipe);
      const image = images[content.index];
      return image === undefined ? Buffer.alloc(0) : encodePng(paint(image), text);
    },
    recipeOf: ({ content }) => ("bytes" in content ? undefined : book.unpack(content.recipe)),
    *places(type) {
      for (const [key, folder] of folders) {
        if (!key.startsWith(`${type}/`)) continue;
        const subfolder = key.slice(type.length + 1);
        for (const filename of folder.keys()) yield { type, subfolder, filename };
      }
    },
  };
}

/** A path below a folder, normalised; undefined if it leaves the folder. */
export function insideFolder(path: string): string | undefined {
  if (path.startsWith("/")) return undefined;
  const normal = posix.normalize(path);
  if (normal === ".." || normal.startsWith("../")) return undefined;
  return normal === "." ? "" : normal.replace(/\/$/, "");
}

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
