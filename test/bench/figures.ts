import type { Figure, Target } from "./figure.ts";

type FigureOf<Run> = (what: string, unit: string, part: { readonly of: (run: Run) => number; readonly target?: Target }) => Figure;

/** Makes the figures of a scenario from its runs, one value a run. */
export function figuresOf<Run>(scenario: string, runs: readonly Run[]): FigureOf<Run> {
  return (what, unit, { of, target = null }) => ({ scenario, what, unit, values: runs.map(of), target });
}
