import { createHash } from "node:crypto";
import { opendir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { buffer } from "node:stream/consumers";
import type { ComfyClient } from "../../comfy/client/client.ts";
import { errnoOf } from "../../lib/files/file-problem.ts";
import { checkSourceName } from "../../stages/harvest/check-source-name.ts";

/** Names looked at before the folder counts as one without images: a disk with a million files is no reason to wait. */
const LOOKED_AT_MAX = 2_000;
/** Entries of the history looked at, oldest first. */
const HISTORY_MAX = 50;
const IMAGE = /\.(?:png|jpe?g|webp)$/i;

/** `other`: an image is on one side and not, or another one, on the other; `unknown`: there is none yet. */
type SeenOutputDir =
  | { readonly kind: "same"; readonly file: string }
  | { readonly kind: "other"; readonly why: string }
  | { readonly kind: "unknown" };

interface Asking {
  readonly client: Pick<ComfyClient, "view" | "historyAll">;
  readonly signal: AbortSignal;
}

/** Proves that a folder of this machine is where a server saves: an image in it is the one that /view shows. Changes nothing. */
export async function findOutputDir(folder: string, { client, signal }: Asking): Promise<SeenOutputDir> {
  const local = await firstImage(folder);
  if (local !== null) {
    const served = await viewed(local, { client, signal });
    const name = nameOf(local);
    if (served === null) return { kind: "other", why: `it has ${name}, which the server does not have` };
    const own = await readFile(join(folder, local.subfolder, local.filename));
    return sha256(own) === sha256(served) ? { kind: "same", file: name } : { kind: "other", why: `its ${name} is another image` };
  }
  const remote = await firstSaved({ client, signal });
  if (remote === null) return { kind: "unknown" };
  return { kind: "other", why: `the server has ${nameOf(remote)}, and the folder has no image` };
}

interface Place {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: "output";
}

const nameOf = ({ subfolder, filename }: Place): string => JSON.stringify(subfolder === "" ? filename : `${subfolder}/${filename}`);

async function viewed(place: Place, { client, signal }: Asking): Promise<Buffer | null> {
  const view = await client.view(place, signal);
  return view.kind === "missing" ? null : buffer(view.body);
}

async function firstImage(folder: string): Promise<Place | null> {
  let looked = 0;
  try {
    for await (const entry of await opendir(folder, { recursive: true })) {
      if (entry.isFile() && IMAGE.test(entry.name)) {
        const subfolder = relative(folder, entry.parentPath).split(sep).join("/");
        return { filename: entry.name, subfolder, type: "output" };
      }
      if (++looked >= LOOKED_AT_MAX) return null;
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error; // A folder that cannot be read shows no image.
  }
  return null;
}

/** The first image of the server's history that it still has. */
async function firstSaved({ client, signal }: Asking): Promise<Place | null> {
  let looked = 0;
  for await (const entry of client.historyAll(signal)) {
    for (const { filename, subfolder, type } of entry.outputs) {
      if (type !== "output") continue;
      const place: Place = { filename, subfolder, type };
      checkSourceName(place);
      const view = await client.view(place, signal);
      if (view.kind === "missing") continue;
      view.body.destroy();
      return place;
    }
    if (++looked >= HISTORY_MAX) return null;
  }
  return null;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
