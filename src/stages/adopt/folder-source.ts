import type { Dir, Dirent } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { type AdoptItem, type AdoptSource, quotedName } from "./adopt-source.ts";
import { openFile } from "./open-place.ts";

const IMAGES: ReadonlySet<string> = new Set([".png", ".jpg", ".jpeg", ".webp"]);
/** Entries of a folder read at a time. */
const BUFFER_ENTRIES = 256;
const READ_HINT = "give this user the right to read the folder, or adopt another";
/** The end of a name that SaveImage writes: a counter from 1 for each prefix, one after another in a batch. */
const COUNTER = /_(\d{1,9})_?\.[^.]+$/;

/** Every image below a folder, whose prompt is in its own text chunks. Hidden files and links to folders are passed over. */
export function folderSource(folder: string): AdoptSource {
  async function* walk(below: string, signal: AbortSignal): AsyncGenerator<AdoptItem> {
    const entries = await openFolder(below);
    if ("why" in entries) {
      const name = quotedName(relative(folder, below));
      const detail = `Cannot read the folder ${name}: ${entries.why}`;
      if (below === folder) throw new ConfigError(`Cannot adopt the images in ${folder}: ${entries.why}`, { hint: READ_HINT });
      return yield { kind: "refused", identity: { file: below }, state: null, name, reason: "unreadable", detail };
    }
    for await (const entry of entries.found) {
      signal.throwIfAborted();
      if (entry.name.startsWith(".")) continue;
      const path = join(below, entry.name);
      if (entry.isDirectory()) yield* walk(path, signal);
      else if (IMAGES.has(extname(entry.name).toLowerCase())) {
        const item = await itemOf(path, { folder, entry });
        if (item !== null) yield item;
      }
    }
  }

  return { name: folder, isOneServer: false, items: (signal) => walk(folder, signal), [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function openFolder(path: string): Promise<{ readonly found: Dir } | { readonly why: string }> {
  try {
    return { found: await opendir(path, { bufferSize: BUFFER_ENTRIES }) };
  } catch (error) {
    return { why: fileProblem(error) };
  }
}

interface Place {
  readonly folder: string;
  readonly entry: Dirent;
}

/** Null for what is no file: a pipe would be waited for. */
async function itemOf(path: string, { folder, entry }: Place): Promise<AdoptItem | null> {
  const inside = relative(folder, path).split(sep);
  const identity = { file: path };
  const name = quotedName(inside.join("/"));
  try {
    const found = await stat(path);
    if (!found.isFile()) return null;
    return {
      kind: "image",
      identity,
      state: [found.size, Math.round(found.mtimeMs)],
      name,
      origin: {
        server: pathToFileURL(folder).href,
        subfolder: inside.slice(0, -1).join("/").toWellFormed(),
        filename: entry.name.toWellFormed(),
        type: "output",
      },
      claim: { precedence: "2-folder", graph: null, line: null, promptId: "", nodeId: "", batchIndex: batchIndexOf(entry.name) },
      isRemote: false,
      open: () => openFile(path),
    };
  } catch (error) {
    return { kind: "refused", identity, state: null, name, reason: "unreadable", detail: `Cannot read ${name}: ${fileProblem(error)}` };
  }
}

/** Index from 0, as in the history. */
function batchIndexOf(filename: string): number {
  const counter = Number(COUNTER.exec(filename)?.[1] ?? 1);
  return Math.max(0, counter - 1);
}
