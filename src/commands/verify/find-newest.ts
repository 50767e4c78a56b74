import type { Db } from "../../db/open.ts";
import { listExports } from "../../db/queries/exports.ts";
import { MANIFEST } from "../../stages/export/manifest.ts";
import { readText } from "../../stages/export/read-text.ts";
import { isVersionName, knownVersions, LATEST, newestVersion } from "../../stages/export/versions.ts";
import type { ObjectStore } from "../../stores/object-store.ts";

export interface FindNewestNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "uri" | "get" | "list">;
  readonly db: Pick<Db, "orm" | "file">;
  readonly signal: AbortSignal;
  readonly report: (where: string, problem: string) => void;
}

/**
 * The newest version at a place: what LATEST names, and where it names none that is there what the files, then the database say, which is
 * reported. Null where nothing was ever exported, and where all that was is gone.
 */
export async function findNewest({ store, db, signal, report }: FindNewestNeeds): Promise<string | null> {
  const content = await readText(store, LATEST, signal);
  const latest = content?.trim() ?? null;
  const keys: string[] = [];
  for await (const { key } of store.list("", signal)) keys.push(key);
  const known = knownVersions(keys, latest);
  // One that was begun, and has no manifest, is damage to be told; one of which nothing is there cannot be the newest.
  if (latest !== null && isVersionName(latest) && (known.complete.has(latest) || known.begun.has(latest))) {
    const newer = newestVersion(known, []);
    if (content !== `${latest}\n`) report(LATEST, `is not written as export writes it: ${JSON.stringify(content?.slice(0, 80))}`);
    if (known.complete.has(latest) && newer !== null && newer !== latest)
      report(LATEST, `names ${latest}, and ${newer} is newer: export writes LATEST again`);
    return latest;
  }
  const rows = listExports(db, store.uri);
  const completed = rows.filter(({ state }) => state === "complete").map(({ version }) => version);
  const found =
    completed.findLast((version) => known.complete.has(version)) ??
    newestVersion({ ...known, latest: null }, []) ??
    [...known.complete].toSorted().at(-1) ??
    null;
  const recorded = completed.at(-1);
  if (found === null && recorded === undefined && latest === null) return null;
  const problem = latestProblem(latest);
  report(LATEST, found === null ? problem : `${problem}; the newest complete version is ${found}, and export writes LATEST again`);
  const lost = completed.find((version) => version === latest) ?? (found === null ? recorded : undefined);
  if (lost !== undefined) report(`${lost}/${MANIFEST}`, "is missing, though the database has this version as complete");
  return found;
}

function latestProblem(latest: string | null): string {
  if (latest === null) return "is missing or cannot be read";
  return isVersionName(latest) ? `names ${latest}, which is not there` : `names no version: ${JSON.stringify(latest.slice(0, 80))}`;
}
