import type { Db } from "../../db/open.ts";
import { countActivePrompts, listExports, type ExportVersion } from "../../db/queries/export/exports.ts";
import { MANIFEST, parseManifest, type ParsedManifest } from "../../stages/export/make/manifest.ts";
import { tryReadText } from "../../stages/export/versions/published-file.ts";
import {
  decideKind,
  isVersionName,
  knownVersions,
  LATEST,
  newestFirst,
  type KnownVersions,
} from "../../stages/export/versions/versions.ts";
import type { ObjectStore } from "../../stores/object-store.ts";

interface FindNewestNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "uri" | "get" | "list">;
  readonly db: Pick<Db, "orm" | "file">;
  readonly signal: AbortSignal;
  readonly report: (where: string, problem: string) => void;
}

/**
 * The newest version at a place: what LATEST names, and where it names none that is there what the database, then the files say, which is
 * reported where a whole version is there. Null where nothing was ever exported, and where all that was is gone.
 */
export async function findNewest(needs: FindNewestNeeds): Promise<string | null> {
  const { store, db, signal, report } = needs;
  const content = await tryReadText(store, LATEST, signal);
  const latest = content?.trim() ?? null;
  const keys: string[] = [];
  for await (const { key } of store.list("", signal)) keys.push(key);
  const known = knownVersions(keys, latest);
  const rows = listExports(db, store.uri);
  // A version without a manifest is damage to report. A version of which nothing is there cannot be the newest.
  if (latest !== null && isVersionName(latest) && (known.complete.has(latest) || known.begun.has(latest))) {
    if (content !== `${latest}\n`) report(LATEST, `is not written as export writes it: ${JSON.stringify(content?.slice(0, 80))}`);
    if (known.complete.has(latest)) await compareLatest(latest, { needs, known, rows });
    return latest;
  }
  const whole = await newestWhole({ needs, known, rows });
  const found = whole ?? listNewestFirst({ known, rows })[0] ?? null;
  const recorded = rows.findLast(({ state }) => state === "complete")?.version;
  if (latest === null && whole === null && (found !== null || recorded === undefined)) return found; // Trials and parts have no LATEST.
  const problem = latestProblem(latest);
  report(LATEST, found === null ? problem : `${problem}; the newest complete version is ${found}, and export writes LATEST again`);
  const lost =
    rows.find(({ version, state }) => state === "complete" && version === latest)?.version ?? (found === null ? recorded : undefined);
  if (lost !== undefined) report(`${lost}/${MANIFEST}`, "is missing, though the database has this version as complete");
  return found;
}

interface Place {
  readonly needs: FindNewestNeeds;
  readonly known: KnownVersions;
  readonly rows: readonly ExportVersion[];
}

async function compareLatest(latest: string, place: Place): Promise<void> {
  const { db, report } = place.needs;
  const manifest = await readManifest(latest, place.needs);
  if (manifest === null) return; // Told when the version is read.
  const kind = decideKind(manifest, { prompts: countActivePrompts(db) });
  if (kind !== "whole") {
    // Earlier programs let LATEST name whatever was exported last; the next whole export moves it.
    if (manifest.kind !== null) report(LATEST, `names ${latest}, which is a ${kind}: the next whole export writes LATEST again`);
    return;
  }
  const newer = await newestWhole(place);
  if (newer !== null && newer !== latest) report(LATEST, `names ${latest}, and ${newer} is newer: export writes LATEST again`);
}

/** Complete versions that are there, newest first: in the order in which they were exported, where the database knows that. */
function listNewestFirst({ known, rows }: Pick<Place, "known" | "rows">): readonly string[] {
  const recorded = rows.map(({ version }) => version).filter((version) => known.complete.has(version));
  return recorded.length > 0 ? recorded.toReversed() : newestFirst({ ...known, latest: null });
}

async function newestWhole({ needs, ...place }: Place): Promise<string | null> {
  const prompts = countActivePrompts(needs.db);
  for (const version of listNewestFirst(place)) {
    const manifest = await readManifest(version, needs);
    if (manifest !== null && decideKind(manifest, { prompts }) === "whole") return version;
  }
  return null;
}

/** Null where it cannot be trusted. */
async function readManifest(version: string, { store, signal }: FindNewestNeeds): Promise<ParsedManifest | null> {
  const manifest = parseManifest((await tryReadText(store, `${version}/${MANIFEST}`, signal)) ?? "");
  return typeof manifest === "string" ? null : manifest;
}

function latestProblem(latest: string | null): string {
  if (latest === null) return "is missing or cannot be read";
  return isVersionName(latest) ? `names ${latest}, which is not there` : `names no version: ${JSON.stringify(latest.slice(0, 80))}`;
}
