import { ConfigError, FatalError } from "../../../errors.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { MANIFEST, parseManifest, type DataFile, type ParsedManifest } from "../make/manifest.ts";
import { sha256Of } from "../make/checksums.ts";
import { readText } from "./published-file.ts";
import { checkVersionName, knownVersions } from "./versions.ts";

/** A complete version, as its manifest says. */
export interface PublishedVersion {
  readonly version: string;
  readonly manifest: ParsedManifest;
  /** SHA-256 (hex) of `manifest.json`. */
  readonly manifestSha256: string;
}

/** A version and those that it builds on, oldest first. Never empty; the last is the one that was asked for. */
export type Lineage = readonly [PublishedVersion, ...PublishedVersion[]];

export interface LineageNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "uri" | "get" | "list">;
  readonly signal: AbortSignal;
}

/** More parts than anybody makes of one dataset. Without a limit, a circle would never end. */
const PARTS_MAX = 1_000;

/**
 * Reads the manifests of a version and of all that it builds on.
 * @throws {ConfigError} if there is no such complete version.
 * @throws {FatalError} if a manifest cannot be trusted, or a base is missing.
 */
export async function readLineage(name: string, { store, signal }: LineageNeeds): Promise<Lineage> {
  const wanted = await readManifest(checkVersionName(name), { store, signal });
  if (wanted === null) {
    throw new ConfigError(`Cannot use ${name}: there is no such complete version in ${store.uri}`, {
      hint: await describeVersions(store, signal),
    });
  }
  let lineage: Lineage = [wanted];
  for (let { since } = wanted.manifest; since !== undefined;) {
    const base = await readManifest(since.version, { store, signal });
    if (base === null) throw new FatalError(`Cannot use ${name}: ${since.version}, which it builds on, is not in ${store.uri}`);
    if (base.manifestSha256 !== since.manifestSha256 || lineage.length > PARTS_MAX) {
      throw new FatalError(`Cannot use ${name}: ${since.version} is not the version that it builds on`, {
        hint: `verify ${since.version}`,
      });
    }
    lineage = [base, ...lineage];
    ({ since } = base.manifest);
  }
  return lineage;
}

/** Reads a manifest; null where there is none. */
async function readManifest(version: string, { store, signal }: LineageNeeds): Promise<PublishedVersion | null> {
  const content = await readText(store, `${version}/${MANIFEST}`, signal);
  if (content === null) return null;
  const manifest = parseManifest(content);
  if (typeof manifest === "string") {
    throw new FatalError(`Cannot use ${version}: its ${MANIFEST} cannot be trusted, because ${manifest}`, { hint: `verify ${version}` });
  }
  return { version, manifest, manifestSha256: sha256Of(content) };
}

/** Lists the versions of a place, for hints. */
export async function describeVersions(store: Pick<ObjectStore, "list">, signal: AbortSignal): Promise<string> {
  const keys: string[] = [];
  for await (const { key } of store.list("", signal)) keys.push(key);
  const { complete, begun } = knownVersions(keys, null);
  const names = [...complete, ...[...begun].map((name) => `${name} (not complete)`)].toSorted((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  return names.length === 0 ? "export first: nothing is there yet" : `one of ${names.join(", ")}`;
}

/** Returns true for JSONL. Other formats hold the same rows. */
export function isLineFile({ path, format }: DataFile): boolean {
  if (format !== undefined) return false;
  return path.endsWith(".jsonl") || path.endsWith(".jsonl.gz");
}
