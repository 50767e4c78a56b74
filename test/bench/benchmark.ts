import type { Figure } from "./figure.ts";

export interface BenchOptions {
  /** How often each scenario is run; figures are medians of that many. */
  readonly runs: number;
  /** Names of the scenarios to run; all where it is empty. */
  readonly only: readonly string[];
  /** A share of the full size, 0 < scale ≤ 1: for a quick look. Targets hold for 1. */
  readonly scale: number;
  /** Also what takes hours: sizes that a night has. */
  readonly full: boolean;
  /** One line for whoever waits. */
  tell(line: string): void;
}

/** One part of a benchmark, with figures of its own. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  run(options: BenchOptions): Promise<readonly Figure[]>;
}

/** What `pnpm bench NAME` runs. */
export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  readonly scenarios: readonly Scenario[];
}
