import type { LinkedRow } from "../../../db/queries/export/row-records.ts";
import type { ImageCell, Row } from "../../../exporters/row.ts";
import { roundFloat } from "../../../exporters/row-columns.ts";
import type { Split } from "../split.ts";
import { computeMargin } from "../rows/row.ts";

/** Bins of each histogram. */
const BINS = 20;

interface Range {
  low: number;
  high: number;
}

/** Ranges by source. Scores of two sources cannot be compared. */
export type ScoreRanges = ReadonlyMap<string, { readonly margin: Range; readonly score: Range }>;

/** Finds how far scores and margins reach, so that histograms know their bins before the first row. */
export function scoreRanges() {
  const ranges = new Map<string, { margin: Range; score: Range }>();
  const widen = (range: Range, value: number | null): void => {
    const rounded = roundFloat(value);
    if (rounded === null) return;
    range.low = Math.min(range.low, rounded);
    range.high = Math.max(range.high, rounded);
  };
  return {
    add({ source, chosenScore, rejectedScore, rejectedLow, rejectedHigh, margin }: LinkedRow): void {
      const range = ranges.get(source) ?? { margin: emptyRange(), score: emptyRange() };
      ranges.set(source, range);
      widen(range.margin, computeMargin(chosenScore, { rejectedScore, kept: margin }));
      for (const score of [chosenScore, rejectedLow, rejectedHigh]) widen(range.score, score);
    },
    result: (): ScoreRanges => ranges,
  };
}

export interface SeedRange {
  /** Decimal. */
  readonly min: string;
  readonly max: string;
}

export interface ExportStats {
  /** Content of `stats.json`. Equal rows give equal text. */
  readonly json: object;
  /** Rows by source. */
  readonly sources: Readonly<Record<string, number>>;
  /** Models that the images were made with. */
  readonly models: readonly string[];
  readonly seeds: SeedRange;
}

/** Counts rows as they are written; memory grows with the number of variants and sources only. */
export function openStats(ranges: ScoreRanges) {
  const splits = counter();
  const sources = counter();
  const criteria = counter();
  const chosen = counter();
  const rejected = counter();
  const models = counter();
  const numbers = { n_candidates: counter(), n_rejected: counter(), n_votes: counter() };
  const histograms = new Map(
    [...ranges].map(([source, { margin, score }]) => [source, { margin: histogram(margin), score: histogram(score) }]),
  );
  let seeds: SeedRange | null = null;

  const addImage = (image: ImageCell, { side, source }: { readonly side: Counter; readonly source: string }): void => {
    side.add(image.variant);
    models.add(image.model);
    histograms.get(source)?.score.add(image.score);
    seeds = { min: lower(seeds?.min, image.seed), max: higher(seeds?.max, image.seed) };
  };

  return {
    add(row: Row, split: Split): void {
      const { source } = row;
      splits.add(split);
      sources.add(source);
      criteria.add(row.criterion);
      numbers.n_candidates.add(String(row.nCandidates));
      numbers.n_rejected.add(String(row.rejected.length));
      numbers.n_votes.add(String(row.nVotes));
      histograms.get(source)?.margin.add(row.margin);
      addImage(row.chosen, { side: chosen, source });
      for (const image of row.rejected) addImage(image, { side: rejected, source });
    },
    /** Returns the range of the seeds of the rows so far. */
    seeds: (): SeedRange | null => seeds,
    result(counts: object, drops: object): ExportStats {
      const variants = [...new Set([...chosen.names(), ...rejected.names()])].toSorted();
      const json = {
        ...counts,
        splits: splits.result(),
        sources: sources.result(),
        criteria: criteria.result(),
        variants: Object.fromEntries(variants.map((name) => [name, { chosen: chosen.of(name), rejected: rejected.of(name) }])),
        models: models.result(),
        ...Object.fromEntries(Object.entries(numbers).map(([name, { result }]) => [name, result()])),
        histograms: Object.fromEntries(
          sources
            .names()
            .map((source) => [source, { margin: histograms.get(source)?.margin.result(), score: histograms.get(source)?.score.result() }]),
        ),
        drops,
      };
      return { json, sources: sources.result(), models: models.names(), seeds: seeds ?? { min: "0", max: "0" } };
    },
  };
}

type Counter = ReturnType<typeof counter>;

function counter() {
  const counts = new Map<string, number>();
  const names = (): readonly string[] => [...counts.keys()].toSorted();
  const of = (name: string): number => counts.get(name) ?? 0;
  return {
    add: (name: string): void => void counts.set(name, of(name) + 1),
    of,
    names,
    result: (): Record<string, number> => Object.fromEntries(names().map((name) => [name, of(name)])),
  };
}

/** Counts values in bins of equal width, the last one closed at both ends; null is counted apart. */
function histogram({ low, high }: Range) {
  const bins = Array.from({ length: high > low ? BINS : Number(high === low) }, () => 0);
  let nulls = 0;
  return {
    add(value: number | null): void {
      if (value === null) nulls++;
      else {
        // Halved, because the width of a range of doubles can be more than a double holds.
        const bin = high > low ? Math.floor((BINS * (value / 2 - low / 2)) / (high / 2 - low / 2)) : 0;
        const index = Math.min(Math.max(bin, 0), bins.length - 1);
        bins[index] = (bins[index] ?? 0) + 1;
      }
    },
    result: () => ({ low: bins.length > 0 ? low : null, high: bins.length > 0 ? high : null, bins, nulls }),
  };
}

function emptyRange(): Range {
  return { low: Infinity, high: -Infinity };
}

function lower(first: string | undefined, second: string): string {
  return first === undefined || isLess(second, first) ? second : first;
}

function higher(first: string | undefined, second: string): string {
  return first === undefined || isLess(first, second) ? second : first;
}

/** Seeds are decimal, without leading zeros; only -1 has a sign. */
function isLess(first: string, second: string): boolean {
  if (first === "-1" || second === "-1") return first === "-1" && second !== "-1";
  return first.length === second.length ? first < second : first.length < second.length;
}
