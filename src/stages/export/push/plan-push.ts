import { ConfigError } from "../../../errors.ts";
import { parseChecksums, CHECKSUMS } from "../make/checksums.ts";
import { MANIFEST } from "../make/manifest.ts";
import type { RemoteFile } from "./hub-repo.ts";

/** A file of the version to be pushed. */
export interface LocalFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface PushPlan {
  readonly add: readonly LocalFile[];
  readonly remove: readonly string[];
  readonly same: number;
}

export interface Remote {
  readonly files: readonly RemoteFile[];
  /** SHA256SUMS of the version that was pushed before. "" where none was. */
  readonly checksums: string;
}

/**
 * Plans the commit after which the repository holds this version and nothing of the one before. Files that we did not push stay. `isSame`
 * compares a small file, of which the listing has no SHA-256.
 * @throws {ConfigError} where the repository holds other files among the rows: loaders would read them as rows of this version.
 */
export function planPush(
  local: readonly LocalFile[],
  { files, checksums }: Remote,
  isSame: (file: LocalFile, remote: RemoteFile) => boolean,
): PushPlan {
  const remote = new Map(files.map((file) => [file.path, file]));
  const ours = new Set(local.map(({ path }) => path));
  const before = new Set([...parseChecksums(checksums).keys(), ...(checksums === "" ? [] : [CHECKSUMS, MANIFEST])]);
  const folders = new Set(local.filter(({ path }) => path.includes("/")).map(({ path }) => path.slice(0, path.indexOf("/"))));
  const foreign = files.filter(
    ({ path }) => !ours.has(path) && !before.has(path) && folders.has(path.split("/")[0] ?? "") && path.includes("/"),
  );
  if (foreign.length > 0) {
    throw new ConfigError(
      `Cannot push: the repository holds files that comfy-dpo did not push, in the folders of the rows: ${foreign
        .slice(0, 3)
        .map(({ path }) => path)
        .join(", ")}`,
      { hint: "remove them there, or push to another --repo or --branch" },
    );
  }
  const add = local.filter((file) => {
    const there = remote.get(file.path);
    if (there === undefined) return true;
    return there.sha256 === null ? !isSame(file, there) : there.sha256 !== file.sha256;
  });
  return {
    add,
    remove: [...before].filter((path) => remote.has(path) && !ours.has(path)).toSorted(),
    same: local.length - add.length,
  };
}
