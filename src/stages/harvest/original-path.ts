import { lstat, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { errnoOf } from "../../lib/files/file-problem.ts";
import type { SourceName } from "./check-source-name.ts";

export interface OriginalName extends SourceName {
  /** `<dataset>/<shard>/<job>`, under which the job was told to save. */
  readonly filenamePrefix: string;
  /** Length of what was fetched and verified. */
  readonly sizeBytes: number;
}

/** A file that may be deleted, or why it may not. */
export type Original = { readonly path: string } | { readonly why: string } | "gone";

/**
 * Where the original of a stored image is below a server's output folder. A server's words lead here, so that everything is proven: it
 * is of type output, lies and is named as its job was told to save, no link leads out of the folder, and it has the length that was
 * verified. `name` has passed checkSourceName.
 */
export async function originalPath(outputDir: string, name: OriginalName): Promise<Original> {
  const { filename, subfolder, type, filenamePrefix, sizeBytes } = name;
  if (type !== "output") return { why: `it is a file of type ${type}` };
  const folders = filenamePrefix.split("/");
  const job = folders.pop() ?? "";
  // On Windows ComfyUI separates subfolders with a backslash.
  const isOurs = subfolder.split(/[/\\]/).join("/") === folders.join("/") && filename.startsWith(job);
  if (!isOurs) return { why: `it is not named ${filenamePrefix}…, as its job was told to save` };
  const root = await orGone(realpath(outputDir));
  if (root === "gone") return { why: `its folder ${outputDir} is not there` };
  return orGone(originalIn(root, { folders, filename, sizeBytes }));
}

interface Wanted extends Pick<OriginalName, "filename" | "sizeBytes"> {
  readonly folders: readonly string[];
}

async function originalIn(root: string, { folders, filename, sizeBytes }: Wanted): Promise<Original> {
  const folder = await realpath(join(root, ...folders));
  if (folder !== join(root, ...folders) || !folder.startsWith(root.endsWith(sep) ? root : root + sep)) {
    return { why: `a link leads from it to ${folder}` };
  }
  const path = join(folder, filename);
  const found = await lstat(path);
  if (!found.isFile()) return { why: "it is no plain file" };
  return found.size === sizeBytes ? { path } : { why: `it has ${found.size} bytes, and what was stored had ${sizeBytes}` };
}

async function orGone<Answer>(looking: Promise<Answer>): Promise<Answer | "gone"> {
  try {
    return await looking;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "gone";
    throw error;
  }
}
