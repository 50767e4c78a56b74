import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Context } from "../../../context.ts";
import { ConfigError, FatalError } from "../../../errors.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { parseChecksums, CHECKSUMS, sha256Of } from "../make/checksums.ts";
import { readImagesCsv } from "../make/images-csv.ts";
import { isDamage, readText } from "../versions/published-file.ts";
import { MANIFEST, parseManifest } from "../make/manifest.ts";
import { readLineage } from "../versions/read-lineage.ts";
import { openSpool } from "../make/spool.ts";
import { createHubFetch, openHubRepo, type HubRepo } from "./hub-repo.ts";
import { planPush, type LocalFile } from "./plan-push.ts";
import { MIB } from "../../../lib/units.ts";

export interface PushNeeds extends Pick<Context, "log" | "clock" | "stopping" | "signal"> {
  /** The place of versions. */
  readonly store: ObjectStore;
  /** Folder for files of a version in object storage while they are sent. */
  readonly spoolFolder: string;
}

export interface PushOptions {
  readonly version: string;
  /** False: somebody asked for the newest, whichever it is. */
  readonly isNamed: boolean;
  readonly endpoint: string;
  readonly token: string;
  /** `owner/name`. */
  readonly repo: string;
  readonly branch: string;
  readonly isPrivate: boolean;
}

export interface PushReport {
  readonly outcome: "pushed" | "unchanged";
  /** URL of the repository. */
  readonly url: string;
  /** URL of the commit. Null where there was nothing to change. */
  readonly commit: string | null;
  /** Files whose content the repository did not have, and those that it had. */
  readonly added: number;
  readonly same: number;
  readonly removed: number;
  /** Bytes of large files that were sent. Those that an interrupted push had sent are not sent again. */
  readonly sentBytes: number;
}

/**
 * Larger files are large files at the Hub, too, and are compared by their SHA-256. Source: Hugging Face Hub, "Repository limits" (10 MB).
 */
const SMALL_BYTES_MAX = 32 * MIB;

/**
 * Makes a dataset repository hold one version, in one commit. Missing and changed files are sent, files of an earlier push that this
 * version does not have are removed, and all others stay. An interrupted push leaves the repository as it was, and the next one sends only
 * what the Hub does not have yet.
 * @throws {ConfigError} for a version that does not exist or is a part.
 * @throws {FatalError} for a refused token or a damaged version.
 */
export async function pushVersion(needs: PushNeeds, options: PushOptions): Promise<PushReport> {
  const { store, clock, log } = needs;
  const { version, repo: name, branch } = options;
  const signal = AbortSignal.any([needs.stopping, needs.signal]);
  const { manifest } = (await readLineage(version, needs)).at(-1) ?? {};
  if (manifest === undefined) throw new Error("a lineage is never empty");
  if (manifest.since !== undefined) {
    throw new ConfigError(`Cannot push ${version}: it is a part, which is nothing without ${manifest.since.version} beside it`, {
      hint: "export without --since writes a whole version; push that",
    });
  }
  if (!manifest.complete && !options.isNamed) {
    throw new ConfigError(
      `Cannot push the newest version: ${version} is not complete, because it was exported with --prompts, or with images, scores or votes still to come`,
      { hint: `export again once all is there, or push ${version} by its name` },
    );
  }
  const local = await listVersion(version, needs);
  await warnOfLocalUris(version, needs);
  let sentBytes = 0;
  const fetch = createHubFetch({ clock, signal, onSent: (sizeBytes) => (sentBytes += sizeBytes) });
  const repo = await openHubRepo({ ...options, fetch });
  await repo.ensure(options);
  const files = await repo.files();
  await refuseOther(repo, files, { dataset: manifest.dataset, name });
  const checksums = files.some(({ path }) => path === CHECKSUMS) ? await repo.text(CHECKSUMS) : "";
  const oids = await readGitOids(version, {
    store,
    signal,
    paths: local.filter(({ sizeBytes }) => sizeBytes <= SMALL_BYTES_MAX).map(({ path }) => path),
    there: files,
  });
  const plan = planPush(local, { files, checksums }, ({ path }, { gitOid }) => oids.get(path) === gitOid);
  const counts = { added: plan.add.length, same: plan.same, removed: plan.remove.length };
  if (plan.add.length + plan.remove.length === 0) return { outcome: "unchanged", url: repo.url, commit: null, ...counts, sentBytes };

  await using spool = await openSpool(needs.spoolFolder);
  const add: { path: string; content: Blob }[] = [];
  for (const [done, file] of plan.add.entries()) {
    signal.throwIfAborted();
    log.progress("push: read", { done, total: plan.add.length, failed: 0 });
    add.push({
      path: file.path,
      content: await openBlob(`${version}/${file.path}`, file, { store, signal, spool, folder: needs.spoolFolder }),
    });
  }
  const isDone = new Set<string>();
  const commit = await repo.commit({
    title: `${manifest.dataset} ${version}${branch === "main" ? "" : ` (${branch})`}`,
    add,
    remove: plan.remove,
    signal,
    onProgress(path, state, share) {
      if (state === "uploading" && share === 1) isDone.add(path);
      log.progress("push", { done: isDone.size, total: add.length, failed: 0 });
    },
  });
  return { outcome: "pushed", url: repo.url, commit, ...counts, sentBytes };
}

/** Lists every file of the version with the checksum that SHA256SUMS gives. SHA256SUMS and the manifest are the last two. */
async function listVersion(version: string, { store, signal }: Pick<PushNeeds, "store" | "signal">): Promise<readonly LocalFile[]> {
  const read = async (path: string): Promise<string> => {
    const content = await readText(store, `${version}/${path}`, signal);
    if (content === null) throw damaged(version, path, "is missing");
    return content;
  };
  const [sums, manifestText] = [await read(CHECKSUMS), await read(MANIFEST)];
  const manifest = parseManifest(manifestText);
  if (typeof manifest === "string" || manifest.checksumsSha256 !== sha256Of(sums))
    throw damaged(version, CHECKSUMS, "is not what the manifest was written with");
  const listed = new Map([...parseChecksums(sums), [CHECKSUMS, sha256Of(sums)], [MANIFEST, sha256Of(manifestText)]]);
  const files: LocalFile[] = [];
  for await (const { key, sizeBytes } of store.list(`${version}/`, signal)) {
    const path = key.slice(version.length + 1);
    const sha256 = listed.get(path);
    if (sha256 === undefined) throw damaged(version, path, "is not listed in SHA256SUMS");
    listed.delete(path);
    files.push({ path, sizeBytes, sha256 });
  }
  for (const path of listed.keys()) throw damaged(version, path, "is missing");
  return files;
}

/** Warns of rows that name files of this machine, which nobody else can open. */
async function warnOfLocalUris(version: string, { store, signal, log }: Pick<PushNeeds, "store" | "signal" | "log">): Promise<void> {
  const body = await store.get(`${version}/images.csv`, signal);
  if (body === null) return;
  try {
    // Without an encoding a stream yields Buffers.
    for await (const image of readImagesCsv(body as AsyncIterable<Buffer>)) {
      if (typeof image === "string" || !/^(?:file:|\/)/.test(image.uri)) return;
      log.warn(
        `The rows name images on this machine (${image.uri}): nobody who downloads them can open those. Set export.uri_base and export again`,
      );
      return;
    }
  } catch (error) {
    if (!isDamage(error)) throw error; // Reading the whole file, which comes next, reports it.
  } finally {
    body.destroy();
  }
}

async function refuseOther(
  repo: HubRepo,
  files: readonly { readonly path: string }[],
  { dataset, name }: { readonly dataset: string; readonly name: string },
): Promise<void> {
  if (!files.some(({ path }) => path === MANIFEST)) return;
  const there = parseManifest(await repo.text(MANIFEST));
  if (typeof there === "string" || there.dataset === dataset) return;
  throw new ConfigError(`Cannot push ${dataset} to ${name}: it holds the dataset ${there.dataset}`, {
    hint: "choose another --repo or --branch",
  });
}

interface GitOidNeeds {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly paths: readonly string[];
  readonly there: readonly { readonly path: string; readonly sha256: string | null; readonly sizeBytes: number }[];
}

/** Reads Git's names of small files that the repository has, too, by path. */
async function readGitOids(version: string, { store, signal, paths, there }: GitOidNeeds): Promise<ReadonlyMap<string, string>> {
  const oids = new Map<string, string>();
  const small = new Map(there.filter(({ sha256 }) => sha256 === null).map((file) => [file.path, file]));
  for (const path of paths) {
    const remote = small.get(path);
    if (remote === undefined) continue;
    const body = await store.get(`${version}/${path}`, signal);
    if (body !== null) oids.set(path, await computeGitOid(body, remote.sizeBytes));
  }
  return oids;
}

/**
 * Computes Git's name of a file: SHA-1 over `blob <size>\0` and the content. A file of another size has other content anyway. Source: Pro
 * Git, "Git Objects".
 */
async function computeGitOid(body: Readable, sizeBytes: number): Promise<string> {
  const hash = createHash("sha1").update(`blob ${sizeBytes}\0`);
  for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk); // Without an encoding a stream yields Buffers.
  return hash.digest("hex");
}

interface BlobNeeds {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly spool: Awaited<ReturnType<typeof openSpool>>;
  readonly folder: string;
}

/** Opens a file as a blob on this machine's disk, and proves its checksum. The client reads it twice, once to hash and once to send it. */
async function openBlob(key: string, { path, sha256, sizeBytes }: LocalFile, { store, signal, spool, folder }: BlobNeeds): Promise<Blob> {
  const body = await store.get(key, signal);
  if (body === null) throw damaged(key.split("/")[0] ?? "", path, "is missing");
  const uri = store.uriOf(key);
  const isLocal = uri.startsWith("file:");
  const chunks = body as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  const read = isLocal ? await hashChunks(chunks) : await spool.write(path, chunks);
  if (read.sha256 !== sha256 || read.sizeBytes !== sizeBytes)
    throw damaged(key.split("/")[0] ?? "", path, "does not have the SHA-256 that SHA256SUMS says");
  return openAsBlob(isLocal ? fileURLToPath(uri) : join(folder, path));
}

async function hashChunks(chunks: AsyncIterable<Buffer>): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

function damaged(version: string, path: string, why: string): FatalError {
  return new FatalError(`Cannot push ${version}: ${path} ${why}`, { hint: `verify ${version}` });
}
