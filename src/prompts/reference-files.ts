import { createHash } from "node:crypto";
import { open, readdir, realpath, stat, type FileHandle } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep, win32 } from "node:path";
import { messageOf } from "../errors.ts";
import { findFormat, SNIFF_BYTES } from "../images/formats/format.ts";
import { didYouMean } from "../lib/nearest.ts";
import { MIB } from "../lib/units.ts";
import { promptsError } from "./prompt-source.ts";

/**
 * Largest file, bytes. ComfyUI takes 100 MiB with the form around it.
 * @see https://github.com/comfyanonymous/ComfyUI/blob/a125cd84b054/comfy/cli_args.py --max-upload-size
 */
export const REFERENCE_MAX_BYTES = 100 * MIB - 4_096;

/** Names compared at most, to look for the nearest. */
const NAMES_COMPARED = 10_000;

/** An image that prompts come with. */
export interface ReferenceFile {
  /** Absolute, as the prompts name it. */
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
  /** The format of the content, whatever the name says. */
  readonly extension: "png" | "jpg" | "webp";
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

export interface ReferenceOptions {
  /** Bound name → folder, absolute. */
  readonly folders: Readonly<Record<string, string>>;
  /** A file hashed before: taken over where length and time of change are still the same. */
  readonly known?: (path: string) => ReferenceFile | undefined;
}

/** The row and column that name a file, for messages. */
export interface ReferencePlace {
  readonly promptsFile: string;
  /** `line 3`. */
  readonly at: string;
  readonly column: string;
}

export type ReferenceFiles = ReturnType<typeof referenceFiles>;

/** Finds and hashes the images that rows name, each file once. Nothing outside of the folders is read. */
export function referenceFiles({ folders, known }: ReferenceOptions) {
  const files = new Map<string, ReferenceFile>();

  return {
    /** The bound names that take files. */
    names: Object.keys(folders),
    /**
     * The file that a cell names.
     * @throws {ConfigError} for a name that leaves its folder, a file that is missing, too large, or no image that LoadImage takes.
     */
    async find(name: string, cell: string, place: ReferencePlace): Promise<ReferenceFile> {
      const folder = folders[name] ?? "";
      const refuse = (why: string, hint?: string): Error =>
        promptsError(
          place.promptsFile,
          `${place.at} names ${JSON.stringify(cell)} in column "${place.column}", ${why}`,
          hint === undefined ? {} : { hint },
        );
      const outside = leavesFolder(cell);
      if (outside !== null) throw refuse(`which ${outside}`, `name files below ${folder}`);
      const path = join(folder, cell);
      const cached = files.get(path);
      if (cached !== undefined) return cached;
      const file = await readReference(path, { folder, known }).catch(async (error: unknown) => {
        if (error instanceof UnfitFile) throw refuse(error.message);
        if (!isMissing(error)) throw refuse(`and ${path} cannot be read: ${messageOf(error)}`);
        throw refuse(
          `and ${folder} has no such file${await nearestFile(folder, cell)}`,
          "uploads names the folder, relative to the config",
        );
      });
      files.set(path, file);
      return file;
    },
    /** Every file found so far. */
    files: (): IterableIterator<ReferenceFile> => files.values(),
  };
}

/** A file cannot be used. The message follows "names X, …". */
class UnfitFile extends Error {
  override readonly name = "UnfitFile";
}

function leavesFolder(name: string): string | null {
  if (name.includes("\0")) return "holds a NUL character";
  if (isAbsolute(name) || win32.isAbsolute(name) || /^[A-Za-z]:/.test(name)) return "is an absolute path";
  return name.split(/[/\\]/).includes("..") ? "leaves its folder" : null;
}

async function readReference(
  path: string,
  { folder, known }: { readonly folder: string; readonly known: ReferenceOptions["known"] | undefined },
): Promise<ReferenceFile> {
  const inside = relative(await realpath(folder), await realpath(path));
  if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) throw new UnfitFile("a link that leaves its folder");
  // This is checked before the file is opened, because opening a pipe would wait.
  if (!(await stat(path)).isFile()) throw new UnfitFile("which is no file");
  await using handle = await open(path, "r");
  const { size, mtimeMs } = await handle.stat();
  if (size > REFERENCE_MAX_BYTES) throw new UnfitFile(`which has ${size} bytes; ComfyUI takes no more than ${REFERENCE_MAX_BYTES}`);
  const modifiedAtMs = Math.round(mtimeMs);
  const before = known?.(path);
  if (before?.bytes === size && before.modifiedAtMs === modifiedAtMs) return before;
  return { path, ...(await hashImage(handle, size)), bytes: size, modifiedAtMs };
}

async function hashImage(handle: FileHandle, size: number): Promise<Pick<ReferenceFile, "sha256" | "extension">> {
  const head = Buffer.alloc(SNIFF_BYTES);
  await handle.read(head, 0, SNIFF_BYTES, 0);
  const extension = findFormat(head)?.extension ?? null;
  if (extension === null) throw new UnfitFile("which is neither PNG, JPEG nor WebP, whatever its name");
  const hash = createHash("sha256");
  let bytes = 0;
  // A stream without an encoding yields Buffers.
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== size) throw new UnfitFile("which changes while it is read");
  return { sha256: hash.digest("hex"), extension };
}

/** ` (did you mean "x.png"?)`, or that the folder itself is missing. */
async function nearestFile(folder: string, name: string): Promise<string> {
  const below = dirname(name);
  for (const part of below === "." ? ["."] : [below, "."]) {
    const entries = await readdir(join(folder, part)).catch(() => null); // Missing, most likely: that is what is told.
    if (entries !== null)
      return didYouMean(
        name,
        entries.slice(0, NAMES_COMPARED).map((entry) => join(part, entry)),
      );
  }
  return ": there is no such folder";
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
