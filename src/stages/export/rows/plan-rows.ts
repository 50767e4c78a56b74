import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import type { LinkedRow, PlannedRow } from "../../../db/queries/export/row-records.ts";
import { OPTIONAL_COLUMNS, type OptionalColumn } from "../../../exporters/row.ts";
import { roundFloat } from "../../../exporters/row-columns.ts";
import { SPLITS, splitter, type Split, type SplitRatios, computeGroupKey } from "../split.ts";
import { computeMargin } from "./row.ts";
import { scoreRanges, type ScoreRanges } from "../card/stats.ts";

/** Rows planned between two checks whether to stop. */
const PAGE_ROWS = 256;

/** Facts about the rows of a version that are known before the first is written. */
export interface RowPlan {
  readonly splits: readonly PlannedSplit[];
  readonly rows: number;
  readonly prompts: number;
  /** Columns that no row fills. */
  readonly omitted: readonly OptionalColumn[];
  /** Rows left out here, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly ranges: ScoreRanges;
}

/** A split with rows. */
export interface PlannedSplit {
  readonly split: Split;
  readonly rows: number;
  /** Ids of the rows that stand before all others. */
  readonly front: readonly string[];
}

export interface PlanOptions {
  readonly ratios: SplitRatios;
  readonly fields: "full" | "minimal";
  /** Cuts the whole plan down to a part of it; answers what that dropped, by reason. */
  readonly narrow?: () => Promise<Readonly<Record<string, number>>>;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

/** Decides which rows there are, in which split each is, and which stand first. */
export async function planRows(snapshot: ExportSnapshot, { ratios, fields, narrow, checkpoint }: PlanOptions): Promise<RowPlan> {
  const splitOf = splitter(ratios);
  const ranges = scoreRanges();
  let page: PlannedRow[] = [];
  let hasReferences = false;
  for (const row of snapshot.linkedRows()) {
    ranges.add(row);
    hasReferences ||= row.hasReferences === 1;
    const split = SPLITS.indexOf(splitOf(computeGroupKey(row.prompt)));
    page.push({ place: row.place, rowId: row.rowId, split, fills: fields === "full" ? filledColumns(row) : 0 });
    if (page.length < PAGE_ROWS) continue;
    snapshot.plan(page);
    page = [];
    await checkpoint();
  }
  snapshot.plan(page);
  await checkpoint();
  snapshot.sortPlan();
  const dropped = { ...dropRows(snapshot, { hasReferences }), ...(await narrow?.()) };
  const splits = SPLITS.map((split, index): PlannedSplit & { readonly fills: number } => {
    const fillers = snapshot.fillers(index);
    return {
      split,
      rows: snapshot.countRows(index),
      front: frontRows(fillers),
      fills: fillers.reduce((all, filler) => all | filler.fills, 0),
    };
  });
  const filled = splits.reduce((all, { fills }) => all | fills, 0);
  return {
    splits: splits.filter(({ rows }) => rows > 0).map(({ split, rows, front }) => ({ split, rows, front })),
    rows: splits.reduce((sum, { rows }) => sum + rows, 0),
    prompts: snapshot.countPrompts(),
    omitted: fields === "full" ? OPTIONAL_COLUMNS.filter((_, bit) => (filled & (1 << bit)) === 0) : [],
    dropped,
    ranges: ranges.result(),
  };
}

/** Returns a bit for each of OPTIONAL_COLUMNS that the row gives a typed value. */
function filledColumns({ chosenScore, rejectedScore, rejectedHigh, margin, agreement, hasReferences }: LinkedRow): number {
  const isFilled: Readonly<Record<OptionalColumn, boolean>> = {
    "chosen.score": roundFloat(chosenScore) !== null,
    "rejected.score": rejectedHigh !== null,
    margin: computeMargin(chosenScore, { rejectedScore, kept: margin }) !== null,
    agreement: roundFloat(agreement) !== null,
    references: hasReferences === 1,
  };
  return OPTIONAL_COLUMNS.reduce((fills, column, bit) => fills | (isFilled[column] ? 1 << bit : 0), 0);
}

/** Drops rows whose images are not stored, or are in an earlier split, too: a model must not be tested on what it was trained on. */
function dropRows(snapshot: ExportSnapshot, { hasReferences }: { readonly hasReferences: boolean }): Record<string, number> {
  const unstored = snapshot.dropUnstored();
  const unstoredReferences = hasReferences ? snapshot.dropUnstoredReferences() : 0;
  const shared = snapshot.dropShared(0, 1) + snapshot.dropShared(0, 2) + snapshot.dropShared(1, 2);
  return {
    ...(unstored > 0 ? { "image-not-stored": unstored } : {}),
    ...(unstoredReferences > 0 ? { "reference-not-stored": unstoredReferences } : {}),
    ...(shared > 0 ? { "image-in-two-splits": shared } : {}),
  };
}

/** The first row, by id, of all rows that fill the same columns. */
export interface Filler {
  readonly rowId: string;
  /** A bit for each column that the row fills. */
  readonly fills: number;
}

/**
 * Chooses the fewest rows that together fill every column that any row fills; of several such choices, the one with the lowest ids. Loaders
 * infer types from the first rows of a file, and fail at the first value of a column that is null there.
 */
export function frontRows(fillers: readonly Filler[]): readonly string[] {
  // The best choice for each set of filled columns. There are at most 2^columns sets.
  const best = new Map<number, readonly string[]>([[0, []]]);
  for (const { rowId, fills } of fillers.toSorted((first, second) => (first.rowId < second.rowId ? -1 : 1))) {
    for (const [filled, rows] of new Map(best)) {
      const candidate = [...rows, rowId];
      const known = best.get(filled | fills);
      if (known === undefined || isBetter(candidate, known)) best.set(filled | fills, candidate);
    }
  }
  return best.get(fillers.reduce((all, { fills }) => all | fills, 0)) ?? [];
}

/** Compares two choices. Both are sorted, because rows are added in the order of ids. */
function isBetter(candidate: readonly string[], known: readonly string[]): boolean {
  return candidate.length < known.length || (candidate.length === known.length && candidate.join() < known.join());
}
