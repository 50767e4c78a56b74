import { isMet, type Figure } from "./figure.ts";
import { median } from "./median.ts";

const HEAD = ["scenario", "what", "median", "of", "wanted", ""];

/** The figures for a person, one a line. */
export function table(figures: readonly Figure[]): string {
  const rows = [HEAD, ...figures.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function rowOf(figure: Figure): string[] {
  const { scenario, what, unit, values, target } = figure;
  const met = isMet(figure);
  const wanted = [
    target?.atLeast === undefined ? "" : `≥ ${shown(target.atLeast)}`,
    target?.atMost === undefined ? "" : `≤ ${shown(target.atMost)}`,
  ];
  return [
    scenario,
    what,
    `${shown(median(values))} ${unit}`.trimEnd(),
    values.map(shown).join(" "),
    wanted.filter(Boolean).join(", "),
    met === null ? "" : met ? "ok" : "MISSED",
  ];
}

/** Three digits or more, none of them invented. */
function shown(value: number): string {
  if (Number.isNaN(value)) return "–";
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}
