import { fileURLToPath } from "node:url";
import type { Context } from "../../context.ts";
import { beginExport, completeExport, listExports } from "../../db/queries/exports.ts";
import { ConfigError } from "../../errors.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { MANIFEST, manifestText, parseManifest, type ManifestFacts } from "./manifest.ts";
import type { MadeVersion } from "./make-version.ts";
import { publisher, type Publisher } from "./publish.ts";
import type { Spool } from "./spool.ts";
import { knownVersions, newestVersion, nextVersion, type KnownVersions } from "./versions.ts";

export interface PublishNeeds extends Pick<Context, "db" | "clock" | "signal"> {
  readonly store: ObjectStore;
  readonly spool: Spool;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

export interface Publishing {
  /** A name for the version instead of the next number. */
  readonly as: string | undefined;
  readonly made: MadeVersion;
  /** All of the manifest but what a version is. */
  readonly facts: Omit<ManifestFacts, "version">;
}

export interface Published {
  readonly outcome: "created" | "unchanged" | "continued";
  readonly version: string;
  /** Of the version: a folder, or `s3://…`. */
  readonly uri: string;
}

/**
 * Makes the spooled files a version: the row in `exports` first, then the files, the manifest, LATEST, and the row again. Ended
 * anywhere, the next call sees from the files how far it came.
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
  const same = await findSame(publish, { as, facts, known, unfinished });
  const version = same ?? as ?? nextVersion(known);
  const key = { uri: store.uri, version };
  const content = { contentSha256: made.contentSha256, rows: made.counts.rows };
  const uri = folderOf(store.uriOf(version));
  if (same !== null) {
    // It may have been complete but for these.
    if (unfinished.includes(version) || (as === undefined && latest !== version)) {
      await publish.putLatest(version);
      beginExport(db, key, clock.nowMs());
      completeExport(db, key, content);
    }
    return { outcome: "unchanged", version, uri };
  }
  beginExport(db, key, clock.nowMs());
  await publish.putFiles(
    version,
    made.files,
    keys.filter((present) => present.startsWith(`${version}/`)),
  );
  await publish.putManifest(version, manifestText({ ...facts, version }));
  await publish.putLatest(version);
  await settleLate(publish, { db, uri: store.uri, versions: unfinished.filter((late) => late !== version && known.complete.has(late)) });
  completeExport(db, key, content);
  return { outcome: known.begun.has(version) || unfinished.includes(version) ? "continued" : "created", version, uri };
}

interface LateVersions extends Pick<Context, "db"> {
  readonly uri: string;
  readonly versions: readonly string[];
}

/** Versions that got their manifest and then nothing more. Left as begun they would pass for the newest for ever. */
async function settleLate(publish: Publisher, { db, uri, versions }: LateVersions): Promise<void> {
  for (const version of versions) {
    const manifest = parseManifest((await publish.read(`${version}/${MANIFEST}`)) ?? "");
    if (typeof manifest === "string") continue;
    completeExport(db, { uri, version }, { contentSha256: manifest.contentSha256, rows: manifest.counts.rows });
  }
}

interface Present extends Omit<Publishing, "made"> {
  readonly known: KnownVersions;
  readonly unfinished: readonly string[];
}

/** The version that has this content already, null if there is none. */
async function findSame(publish: Publisher, { as, facts, known, unfinished }: Present): Promise<string | null> {
  const { config, contentSha256 } = facts;
  // Under a new name, too, the newest says whose place this is.
  const candidate = as !== undefined && known.complete.has(as) ? as : newestVersion(known, unfinished);
  if (candidate === null) return null;
  const manifest = parseManifest((await publish.read(`${candidate}/${MANIFEST}`)) ?? "");
  if (typeof manifest !== "string" && manifest.dataset !== config.dataset) {
    throw new ConfigError(`Cannot export to ${config.export.uri}: it holds the dataset ${manifest.dataset}, not ${config.dataset}`, {
      hint: "choose another place in export.uri",
    });
  }
  if (as !== undefined && as !== candidate) return null;
  if (typeof manifest !== "string" && manifest.contentSha256 === contentSha256) return candidate;
  if (as === undefined) return null;
  throw new ConfigError(`Cannot export as ${as}: this version is complete and has other content`, {
    hint: "a version never changes: choose another name, or none for the next number",
  });
}

function folderOf(uri: string): string {
  return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
}
