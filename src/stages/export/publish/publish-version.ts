import { fileURLToPath } from "node:url";
import type { Context } from "../../../context.ts";
import {
  beginExport,
  completeExport,
  countActivePrompts,
  keepExportFacts,
  listExports,
  renewExport,
} from "../../../db/queries/export/exports.ts";
import { ConfigError } from "../../../errors.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { parseChecksums, CHECKSUMS } from "../make/checksums.ts";
import { isDamage } from "../versions/published-file.ts";
import { MANIFEST, manifestText, parseManifest, type ManifestFacts, type ParsedManifest } from "../make/manifest.ts";
import type { MadeVersion } from "../make/make-version.ts";
import { publisher, type Publisher } from "./publisher.ts";
import type { Spool } from "../make/spool.ts";
import { decideKind, knownVersions, newestFirst, nextVersion, type KnownVersions } from "../versions/versions.ts";

export interface PublishNeeds extends Pick<Context, "db" | "clock" | "signal"> {
  readonly store: ObjectStore;
  readonly spool: Spool;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

export interface Publishing {
  /** Name of the version instead of the next number. */
  readonly as: string | undefined;
  readonly made: MadeVersion;
  /** The manifest without the version. */
  readonly facts: Omit<ManifestFacts, "version">;
}

export interface Published {
  readonly outcome: "created" | "unchanged" | "continued";
  readonly version: string;
  /** Place of the version: a folder, or `s3://…`. */
  readonly uri: string;
}

/**
 * Publishes the spooled files as a version. It writes the row in `exports`, the files, the manifest, LATEST where it is a whole version,
 * and the row again. Where it ends early, the next call sees from the files how far it came.
 * @throws {ConfigError} if the wanted name is taken by other content, or the place by another dataset.
 */
export async function publishVersion(needs: PublishNeeds, { as, made, facts }: Publishing): Promise<Published> {
  const { db, clock, store } = needs;
  const publish = publisher(needs);
  const { keys, latest } = await publish.look();
  const known = knownVersions(keys, latest);
  const unfinished = listExports(db, store.uri)
    .filter(({ state }) => state === "writing")
    .map(({ version }) => version);
  const same = await findSame(publish, { as, facts, known, db, uri: store.uri });
  const version = same ?? as ?? nextVersion(known);
  const key = { uri: store.uri, version };
  const content = { kind: facts.kind, contentSha256: made.contentSha256, rows: made.counts.rows };
  const uri = describePlace(store.uriOf(version));
  if (same !== null) {
    const isNamed = facts.kind !== "whole" || latest === version;
    if (!isNamed) await publish.putLatest(version);
    // Only this may have been missing. And LATEST names what was exported last, whatever was exported in between.
    if (!isNamed || unfinished.includes(version)) renewExport(db, key, { ...content, nowMs: clock.nowMs() });
    return { outcome: "unchanged", version, uri };
  }
  beginExport(db, key, clock.nowMs());
  await publish.putFiles(
    version,
    made.files,
    keys.filter((present) => present.startsWith(`${version}/`)),
  );
  await publish.putManifest(version, manifestText({ ...facts, version }));
  if (facts.kind === "whole") await publish.putLatest(version);
  await completeLate(publish, { db, uri: store.uri, versions: unfinished.filter((late) => late !== version && known.complete.has(late)) });
  completeExport(db, key, content);
  return { outcome: known.begun.has(version) || unfinished.includes(version) ? "continued" : "created", version, uri };
}

interface LateVersions extends Pick<Context, "db"> {
  readonly uri: string;
  readonly versions: readonly string[];
}

/** Completes the rows of versions that were interrupted after their manifest. They would be called interrupted for ever. */
async function completeLate(publish: Publisher, { db, uri, versions }: LateVersions): Promise<void> {
  for (const version of versions) {
    const manifest = await readManifest(publish, version);
    if (manifest === null) continue;
    const kind = decideKind(manifest, { prompts: countActivePrompts(db) });
    completeExport(db, { uri, version }, { kind, contentSha256: manifest.contentSha256, rows: manifest.counts.rows });
  }
}

/** Reads a manifest; null where there is none that can be trusted. */
async function readManifest(publish: Publisher, version: string): Promise<ParsedManifest | null> {
  const manifest = parseManifest((await publish.read(`${version}/${MANIFEST}`)) ?? "");
  return typeof manifest === "string" ? null : manifest;
}

interface Present extends Omit<Publishing, "made">, Pick<Context, "db"> {
  readonly known: KnownVersions;
  readonly uri: string;
}

/**
 * Finds the version that has this content already, whatever was exported since; null if there is none.
 * @throws {ConfigError} if the wanted name is taken by other content, or the place by another dataset.
 */
async function findSame(publish: Publisher, { as, facts, known, db, uri }: Present): Promise<string | null> {
  const wanted = as === undefined ? newestFirst(known) : [as].filter((name) => known.complete.has(name));
  const recorded = new Map(listExports(db, uri).map((row) => [row.version, row]));
  const prompts = countActivePrompts(db);
  // Also for a new name: a version that is there says which dataset the place holds.
  for (const version of wanted.length > 0 ? wanted : newestFirst(known).slice(0, 1)) {
    const manifest = await readManifest(publish, version);
    if (manifest === null) continue;
    refuseForeign(manifest, facts);
    const kind = decideKind(manifest, { prompts });
    keepExportFacts(db, { uri, version }, { kind, contentSha256: manifest.contentSha256 });
    if (!wanted.includes(version) || kind !== facts.kind || !mayBeSame(manifest, facts)) continue;
    const content = manifest.contentSha256 ?? recorded.get(version)?.contentSha256 ?? (await computeDigest(publish, { version, manifest }));
    if (content === facts.contentSha256) return version;
    keepExportFacts(db, { uri, version }, { kind, contentSha256: content });
  }
  if (wanted.length === 0 || as === undefined) return null;
  throw new ConfigError(`Cannot export as ${as}: this version is complete and has other content`, {
    hint: "a version never changes: choose another name, or none for the next number",
  });
}

function refuseForeign({ dataset }: ParsedManifest, { config }: Present["facts"]): void {
  if (dataset === config.dataset) return;
  throw new ConfigError(`Cannot export to ${config.export.uri}: it holds the dataset ${dataset}, not ${config.dataset}`, {
    hint: "choose another place in export.uri",
  });
}

/** Returns false where the manifests show that the content differs. Reading all files of an old version takes long. */
function mayBeSame(manifest: ParsedManifest, facts: Present["facts"]): boolean {
  const { counts, files, complete, since } = manifest;
  const paths = (all: readonly { readonly path: string; readonly rows: number }[]): string =>
    all.map(({ path, rows }) => `${path} ${rows}`).join();
  return (
    counts.rows === facts.counts.rows &&
    counts.images === facts.counts.images &&
    complete === facts.complete &&
    since?.version === facts.since?.version &&
    paths(files) === paths(facts.files)
  );
}

/**
 * Computes the digest of a version whose manifest does not have it, from its files. Returns "" where they are damaged, which equals no
 * digest.
 */
async function computeDigest(publish: Publisher, { version, manifest }: { version: string; manifest: ParsedManifest }): Promise<string> {
  const sums = parseChecksums((await publish.read(`${version}/${CHECKSUMS}`)) ?? "");
  try {
    return await publish.digest({
      files: [...sums].map(([path, sha256]) => ({ path, sha256 })),
      dataFiles: manifest.files,
      images: manifest.images,
      since: manifest.since ?? null,
      uriBase: manifest.uriBase,
      read: (path) => publish.stream(`${version}/${path}`),
    });
  } catch (error) {
    if (isDamage(error)) return "";
    throw error;
  }
}

function describePlace(uri: string): string {
  return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
}
