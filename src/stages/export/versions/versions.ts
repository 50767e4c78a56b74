import { ConfigError } from "../../../errors.ts";
import { MANIFEST, type ParsedManifest } from "../make/manifest.ts";
import type { VersionKind } from "../../../db/queries/export/exports.ts";

/** The file that names the newest version. */
export const LATEST = "LATEST";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NUMBERED = /^v([1-9]\d{0,8})$/;

/** @throws {ConfigError} if a version cannot have the name: it becomes a folder and part of every URI. */
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

/** What is at a place, as its files say. */
export interface KnownVersions {
  /** With a manifest. */
  readonly complete: ReadonlySet<string>;
  /** Begun, without one. */
  readonly begun: ReadonlySet<string>;
  /** What LATEST names. */
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

/** Complete versions as they are looked through: what LATEST names, then the highest numbers, then other names. */
export function newestFirst({ complete, latest }: Pick<KnownVersions, "complete" | "latest">): readonly string[] {
  const rank = (version: string): number => (version === latest ? Infinity : Number(NUMBERED.exec(version)?.[1] ?? 0));
  return [...complete].toSorted((first, second) => rank(second) - rank(first) || (first < second ? 1 : -1));
}

/** The version to write: the one that was interrupted, else the next number. */
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
 * Tells what a version is of. Manifests of earlier programs do not say it: there, what builds on another version is a part, and what is
 * complete
 * is whole. What is not complete lacked prompts, or images and votes: it counts as whole where rows and drops speak of every prompt.
 */
export function kindOf({ kind, since, complete, counts, drops }: Claims, { prompts }: KindFacts): VersionKind {
  if (kind !== null) return kind;
  if (since !== undefined) return "part";
  if (complete) return "whole";
  const dropped = Object.values(drops["prompt"] ?? {}).reduce((sum, count) => sum + count, 0);
  return counts.prompts + dropped >= prompts ? "whole" : "trial";
}
