import { hash } from "node:crypto";
import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import { ConfigError } from "../../../errors.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { rowColumns, rowJson } from "../../../exporters/row-columns.ts";
import { isJsonArray, isJsonObject, parseExact, type Json } from "../../../lib/exact-json.ts";
import { SPLITS, type SplitRatios } from "../split.ts";
import { lineStripper, readImagePlace } from "./content-digest.ts";
import { isRowFile } from "../make/manifest.ts";
import type { StaleCounts } from "../make/part-files.ts";
import { readLineage, type Lineage, type LineageNeeds } from "./read-lineage.ts";
import { readPublishedRows, type ReadRowsNeeds } from "./read-published-rows.ts";
import { readRows } from "../rows/read-rows.ts";
import type { RowFacts } from "../rows/row.ts";

export interface SinceNeeds extends LineageNeeds {
  readonly store: LineageNeeds["store"] & ReadRowsNeeds["store"];
  readonly checkpoint: () => Promise<void>;
}

/** Facts that must be equal for a part to be added to a version. */
export interface SinceFacts {
  readonly dataset: string;
  readonly pairSet: string;
  readonly fields: RowLayout["fields"];
  readonly seedFormat: RowLayout["seedFormat"];
  readonly ratios: SplitRatios;
  readonly tables: readonly string[];
  /** The part before the keys of images in today's URIs. Null where `uri_base` sets it, because it is then a value of the rows. */
  readonly imagePlace: string | null;
}

/** The versions that a part builds on. */
export interface Since {
  readonly lineage: Lineage;
  /** Layout of all rows, because a loader that reads them together needs one. */
  readonly layout: RowLayout;
  /** Cuts a whole plan down to what is new. Returns what it dropped, by reason, and how many older rows no longer hold. */
  narrow(
    snapshot: ExportSnapshot,
    facts: RowFacts,
  ): Promise<{ readonly dropped: Readonly<Record<string, number>>; readonly stale: StaleCounts }>;
}

/**
 * Reads the version that `export --since` names.
 * @throws {ConfigError} if there is none, or if new rows do not fit its rows in one dataset.
 */
export async function openSince(name: string, facts: SinceFacts, needs: SinceNeeds): Promise<Since> {
  if (facts.fields === "minimal") throw refusal(name, "rows of a minimal export have no id, so that new rows cannot be recognised");
  if (facts.tables.some((table) => table !== "default"))
    throw refusal(name, `export.tables names ${facts.tables.join(", ")}, and only default can be a part`);
  const lineage = await readLineage(name, needs);
  const layout = lineage[0].manifest.layout;
  for (const { version, manifest } of lineage) refuseOther(version, manifest, facts);
  return {
    lineage,
    layout,
    async narrow(snapshot, rowFacts) {
      await readBase(snapshot, { lineage, imagePlace: facts.imagePlace }, needs);
      const strip = lineStripper(facts.imagePlace ?? "");
      const changed = await markChanged(snapshot, { layout, facts: rowFacts, strip, checkpoint: needs.checkpoint });
      const gone = snapshot.base.markGone();
      snapshot.base.dropKnown();
      const shared = snapshot.base.dropOfOtherSplit();
      return { dropped: shared > 0 ? { "image-in-other-split-of-base": shared } : {}, stale: { gone, changed } };
    },
  };
}

/**
 * Refuses columns that the earlier rows do not have.
 * @throws {ConfigError} if new rows have values in them.
 */
export function refuseNewColumns({ lineage, layout }: Since, own: RowLayout): void {
  const name = lineage.at(-1)?.version ?? "";
  if (own.unknownSeeds === true && layout.unknownSeeds !== true)
    throw refusal(name, "new rows have unknown seeds, and its seeds have a type without them");
  const extra = layout.omitted.filter((column) => !own.omitted.includes(column));
  if (extra.length === 0) return;
  throw refusal(name, `new rows have ${extra.join(", ")}, which its rows were written without: no loader takes both for one table`);
}

function refuseOther(version: string, manifest: Lineage[0]["manifest"], facts: SinceFacts): void {
  const { dataset, pairSet, layout, ratios } = manifest;
  if (dataset !== facts.dataset) throw refusal(version, `it is of the dataset ${dataset}`);
  if (pairSet !== facts.pairSet) throw refusal(version, `it has rows of export.pairs: ${pairSet}`);
  if (layout.fields !== facts.fields || layout.seedFormat !== facts.seedFormat) {
    throw refusal(version, `it has fields: ${layout.fields} and seed_format: ${layout.seedFormat}`);
  }
  if (SPLITS.some((split) => ratios[split] !== facts.ratios[split])) {
    throw refusal(
      version,
      `it was split otherwise (${SPLITS.map((split) => `${split} ${ratios[split]}`).join(", ")}): rows would stand in two splits`,
    );
  }
}

function refusal(version: string, why: string): ConfigError {
  return new ConfigError(`Cannot write only what is new since ${version}: ${why}`, {
    hint: "export without --since writes a whole version",
  });
}

interface Base {
  readonly lineage: Lineage;
  readonly imagePlace: SinceFacts["imagePlace"];
}

async function readBase(snapshot: ExportSnapshot, { lineage, imagePlace }: Base, needs: SinceNeeds): Promise<void> {
  let rows = 0;
  for (const base of lineage) {
    const { version, manifest } = base;
    const strip = lineStripper(imagePlace === null ? "" : (await readImagePlace(base, needs)).prefix);
    const files = manifest.files.filter(isRowFile);
    for (const [split, own] of Map.groupBy(files, (file) => file.split)) {
      for await (const { id, bytes } of readPublishedRows({ files: own, version }, needs)) {
        if (++rows % 1_000 === 0) await needs.checkpoint();
        snapshot.base.add({
          rowId: id,
          split: SPLITS.indexOf(split),
          sum: hashLine(strip(bytes)),
          files: listFiles(bytes.toString("utf8")),
        });
      }
    }
  }
}

type Strip = ReturnType<typeof lineStripper>;

interface Rendering {
  readonly layout: RowLayout;
  readonly facts: RowFacts;
  readonly strip: Strip;
  readonly checkpoint: () => Promise<void>;
}

/** Writes every planned row and compares it with the earlier one: only its bytes show whether it changed. Returns how many did. */
async function markChanged(snapshot: ExportSnapshot, { layout, facts, strip, checkpoint }: Rendering): Promise<number> {
  const columns = rowColumns(layout);
  let changed = 0;
  for (const split of SPLITS.keys()) {
    for await (const row of readRows(snapshot, { split, front: [], facts, checkpoint })) {
      const known = snapshot.base.readSum(row.id);
      if (known === undefined || known.equals(hashLine(strip(Buffer.from(rowJson(columns, row)))))) continue;
      snapshot.base.markChanged(row.id);
      changed++;
    }
  }
  return changed;
}

/** Lists the SHA-256 (hex) of the images of a row. */
function listFiles(line: string): readonly string[] {
  const row = parseExact(line);
  if (!isJsonObject(row)) return [];
  const rejected = row["rejected"];
  return [row["chosen"], ...(isJsonArray(rejected) ? rejected : [])].flatMap((image: Json | undefined) =>
    isJsonObject(image) && typeof image["sha256"] === "string" ? [image["sha256"]] : [],
  );
}

/** Hashes a line as a Strip returns it, a character a byte. */
function hashLine(line: string): Buffer {
  return hash("sha256", Buffer.from(line, "latin1"), "buffer");
}
