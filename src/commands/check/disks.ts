import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { ComfyClient } from "../../comfy/client/client.ts";
import type { Config } from "../../config/schema.ts";
import { byteSize } from "../../lib/words.ts";
import { freeDiskBytes } from "../../lib/system.ts";
import { failedFinding, type Finding } from "./finding.ts";
import { findOutputDir } from "./find-output-dir.ts";

interface ExpectedBytes {
  /** Bytes of all candidates as PNG. */
  readonly images: number;
  readonly references: number;
}

/** The bytes to expect on each disk against what is free there: the store's where it is a folder, the servers' where they are mounted. */
export function checkDisks(config: Config, expected: ExpectedBytes, signal: AbortSignal): Promise<readonly Finding[]> {
  const servers = config.servers.map((server) => checkServerDisk(server, { config, expected, signal }));
  return Promise.all([checkOwnDisk(config, expected), ...servers]);
}

/** Checks this machine's disk. It holds everything if the store is a folder, else only the small database. */
function checkOwnDisk(config: Config, expected: ExpectedBytes): Promise<Finding> {
  if (!config.store.uri.startsWith("file:")) return checkFolder(config.dir, 0);
  return checkFolder(fileURLToPath(config.store.uri), expected.images + expected.references);
}

async function checkFolder(folder: string, neededBytes: number): Promise<Finding> {
  const what = "disk";
  const free = await freeAtOrAbove(folder);
  if (free === null) return { what, ok: false, text: `the free space at ${folder} cannot be read` };
  const expected = neededBytes === 0 ? "" : `, about ${byteSize(neededBytes)} of images expected`;
  const isShort = free < neededBytes;
  return { what, ok: !isShort, text: `${byteSize(free)} free at ${folder}${expected}${isShort ? ": too little" : ""}` };
}

/** A folder that is not made yet is on its parent's disk, most likely. */
async function freeAtOrAbove(folder: string): Promise<number | null> {
  for (let path = folder; ; path = dirname(path)) {
    const free = await freeDiskBytes(path);
    if (free !== null || path === dirname(path)) return free;
  }
}

interface ServerDisk {
  readonly config: Config;
  readonly expected: ExpectedBytes;
  readonly signal: AbortSignal;
}

async function checkServerDisk(server: Config["servers"][number], { config, expected, signal }: ServerDisk): Promise<Finding> {
  const what = server.url;
  const share = expected.images / config.servers.length;
  const about = `about ${byteSize(share)} of images expected there`;
  const { output_dir: folder } = server;
  if (folder === null) return { what, ok: true, text: `${about}; output_dir is not set, so its disk is not checked` };
  const free = await freeDiskBytes(folder);
  if (free === null) return { what, ok: false, text: `output_dir ${folder} is not there. Try: mount it, or take output_dir out` };
  const { comfyClient } = await import("../../comfy/client/client.ts");
  const client: ComfyClient = comfyClient({ url: server.url, headers: server.headers, caFile: server.ca_file });
  try {
    const seen = await findOutputDir(folder, { client, signal });
    if (seen.kind === "other") {
      return { what, ok: false, text: `output_dir ${folder} is not this server's: ${seen.why}. Try: the folder that ComfyUI saves to` };
    }
    const proof = seen.kind === "same" ? `is this server's (${seen.file} is the same there)` : "has no image yet to compare";
    const reclaim = config.harvest.reclaim;
    const isShort = free < share && !reclaim;
    const low = isShort ? `: too little. Try: harvest.reclaim: true, which deletes what is stored` : "";
    const text = `output_dir ${folder} ${proof}; ${byteSize(free)} free, ${about}${reclaim ? ", deleted once stored" : ""}${low}`;
    return { what, ok: !isShort, text };
  } catch (error) {
    return failedFinding(what, error);
  } finally {
    await client.close();
  }
}
