import type { Context } from "../../context.ts";
import { countActivePrompts, listExports, type ExportVersion, type VersionKind } from "../../db/queries/export/exports.ts";
import { ConfigError, FatalError, TransientError } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { exportStoreUri } from "../../stages/export/export.ts";
import { MANIFEST, parseManifest } from "../../stages/export/make/manifest.ts";
import { tryReadText } from "../../stages/export/versions/published-file.ts";
import { decideKind } from "../../stages/export/versions/versions.ts";
import { openStore } from "../../stores/registry.ts";

type Needs = Pick<Context, "config" | "db" | "signal">;

/** Kinds by version. */
export type VersionKinds = ReadonlyMap<string, VersionKind>;

/**
 * Reads the kinds of versions of earlier programs, which the database does not have until the next export. A place that cannot be read
 * leaves
 * them unknown: the state of a dataset is shown all the same.
 */
export async function readOldKinds({ config, db, signal }: Needs): Promise<VersionKinds> {
  const uri = exportStoreUri(config.export.uri);
  const unknown = listExports(db, uri).filter(({ kind, state }) => kind === null && state === "complete");
  const kinds = new Map<string, VersionKind>();
  if (unknown.length === 0) return kinds;
  try {
    const store = await openStore({ ...config.store, uri }, { concurrency: config.harvest.concurrency });
    try {
      const prompts = countActivePrompts(db);
      for (const { version } of unknown) {
        const manifest = parseManifest((await tryReadText(store, `${version}/${MANIFEST}`, signal)) ?? "");
        if (typeof manifest !== "string") kinds.set(version, decideKind(manifest, { prompts }));
      }
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof FatalError || error instanceof TransientError)) throw error;
  }
  return kinds;
}

/** Describes the versions under `export.uri`, oldest first. */
export function describeVersions({ config, db }: Pick<Needs, "config" | "db">, oldKinds: VersionKinds) {
  const versions = listExports(db, exportStoreUri(config.export.uri)).map((row) => ({
    ...row,
    kind: row.kind ?? oldKinds.get(row.version) ?? null,
  }));
  return {
    lines: versions.map((row) => `export      ${row.version} ${describe(row)}, ${config.export.uri}`),
    events: versions.map(({ version, state, kind, rows }) => ({ version, state, kind, rows, uri: config.export.uri })),
  };
}

function describe({ kind, state, rows }: Pick<ExportVersion, "kind" | "state" | "rows">): string {
  // "Complete" would be said of trials, too, and of versions whose card says that votes were still to come.
  const what = state === "complete" ? `${kind ?? "of unknown kind"}, written` : state;
  return `${what}, ${counted(rows ?? 0, "row")}`;
}
