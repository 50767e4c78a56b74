import { ConfigError } from "../../../errors.ts";
import { MANIFEST, type ParsedManifest } from "../make/manifest.ts";
import type { VersionKind } from "../../../db/queries/export/exports.ts";

/** Name of the file that names the newest version. */
export const LATEST = "LATEST";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NUMBERED = /^v([1-9]\d{0,8})$/;

/**
 * Checks the name of a version, which becomes a folder and part of every URI.
 * @throws {ConfigError} if a version cannot have it.
 */
export function checkVersionName(name: string): string {
  if (isVersionName(name)) return name;
  throw new ConfigError(
    `Cannot name a version ${JSON.stringify(name)}: expected letters, digits, '.', '_' and '-', a letter or digit first`,
    {
      hint: "export --as NAME, or without it for v1, v2, …",
    },
  );
}

export function isVersionName(name: string): boolean {
  return NAME.test(name) && name !== LATEST;
}

/** Versions of a place, as its files show. */
export interface KnownVersions {
  /** Versions with a manifest. */
  readonly complete: ReadonlySet<string>;
  /** Versions that were begun and have no manifest. */
  readonly begun: ReadonlySet<string>;
  /** The version that LATEST names. */
  readonly latest: string | null;
}

export function knownVersions(keys: Iterable<string>, latest: string | null): KnownVersions {
  const complete = new Set<string>();
  const begun = new Set<string>();
  for (const key of keys) {
    const [version = "", ...rest] = key.split("/");
    if (rest.length === 0 || !NAME.test(version)) continue;
    if (rest.join("/") === MANIFEST) complete.add(version);
    else begun.add(version);
  }
  return { complete, begun: begun.difference(complete), latest };
}

/** Sorts complete versions as they are searched: the one that LATEST names, then the highest numbers, then other names. */
export function newestFirst({ complete, latest }: Pick<KnownVersions, "complete" | "latest">): readonly string[] {
  const rank = (version: string): number => (version === latest ? Infinity : Number(NUMBERED.exec(version)?.[1] ?? 0));
  return [...complete].toSorted((first, second) => rank(second) - rank(first) || (first < second ? 1 : -1));
}

/** Returns the version to write: the one that was interrupted, else the next number. */
export function nextVersion({ complete, begun }: KnownVersions): string {
  const last = highestNumber(complete);
  const interrupted = highestNumber(begun);
  return `v${interrupted > last ? interrupted : last + 1}`;
}

function highestNumber(versions: ReadonlySet<string>): number {
  return Math.max(0, ...[...versions].map((version) => Number(NUMBERED.exec(version)?.[1] ?? 0)));
}

export interface KindFacts {
  /** Prompts that the dataset has today. */
  readonly prompts: number;
}

type Claims = Pick<ParsedManifest, "kind" | "since" | "complete" | "counts" | "drops">;

/**
 * Returns the kind of a version. Manifests of earlier programs do not record it. Of these, a version that builds on another is a part, and
 * a complete one is whole. An incomplete one lacked prompts, or images and votes: it counts as whole where rows and drops together account
 * for every prompt.
 */
export function decideKind({ kind, since, complete, counts, drops }: Claims, { prompts }: KindFacts): VersionKind {
  if (kind !== null) return kind;
  if (since !== undefined) return "part";
  if (complete) return "whole";
  const dropped = Object.values(drops["prompt"] ?? {}).reduce((sum, count) => sum + count, 0);
  return counts.prompts + dropped >= prompts ? "whole" : "trial";
}
