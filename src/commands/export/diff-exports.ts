import { setImmediate } from "node:timers/promises";
import { loadConfig } from "../../config/load-config.ts";
import { EXIT, InterruptedError } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { exportStoreUri } from "../../stages/export/export.ts";
import {
  diffVersions,
  type ChangedRow,
  type FilesDiff,
  type SplitDiff,
  type VersionDiff,
} from "../../stages/export/versions/diff-versions.ts";
import { openStore } from "../../stores/registry.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";

/** Says what came, went and changed between two versions. Reads them only: neither database nor locks. */
export async function diffExports(
  [before, after]: readonly [before: string, after: string],
  input: InputOf<"export">,
): Promise<CommandResult> {
  const config = loadConfig(input.options.config, { env: input.env });
  const { stopping, signal } = input;
  const checkpoint = async (): Promise<void> => {
    await setImmediate();
    if (stopping.aborted || signal.aborted) throw new InterruptedError("Comparison interrupted");
  };
  const tellsRows = input.options.rows;
  const onRow = (row: ChangedRow): void => {
    if (tellsRows) input.show({ event: "diff_row", ...row }, rowText(row));
  };
  const store = await openStore({ ...config.store, uri: exportStoreUri(config.export.uri) }, { concurrency: config.harvest.concurrency });
  try {
    const diff = await diffVersions(before, after, { store, signal, onRow, checkpoint });
    const sum = (key: "same" | "came" | "went" | "changed" | "movedHere"): number =>
      diff.splits.reduce((total, split) => total + split[key], 0);
    const totals = { same: sum("same"), came: sum("came"), went: sum("went"), changed: sum("changed"), moved: sum("movedHere") };
    for (const { movedHere, ...split } of diff.splits) input.show({ event: "diff_split", ...split, moved_here: movedHere }, null);
    const files = diff.files.map(({ table, format, equal }) => ({ table, format, equal }));
    input.show({ event: "diff", before, after, ...totals, files }, diffText([before, after], diff, totals.same));
    return { exit: EXIT.done, counts: totals };
  } finally {
    await store.close();
  }
}

const SIGNS: Readonly<Record<ChangedRow["change"], string>> = { came: "+", went: "-", changed: "~", moved: ">" };

function rowText({ change, table, id, from, to, columns }: ChangedRow): string {
  const place = change === "moved" ? `${from} → ${to}` : (to ?? from ?? "");
  return [SIGNS[change], `${table}/${place}`, id, columns.join(",")].filter((part) => part !== "").join(" ");
}

function diffText([before, after]: readonly [string, string], { splits, files }: VersionDiff, same: number): string {
  const changed = splits.filter((split) => split.came + split.went + split.changed + split.movedHere > 0).map(splitText);
  const rest = splits.length === 0 ? [] : [changed.length === 0 ? "no row differs" : `${counted(same, "row")} the same`];
  return [`${before} → ${after}`, ...changed, ...rest, ...files.map(filesText)].join("\n");
}

function filesText({ table, format, equal }: FilesDiff): string {
  return `${format === "jsonl" ? table : format}: not compared row by row; its files ${equal ? "are equal" : "differ"}`;
}

function splitText({ table, split, came, went, changed, movedHere, columns }: SplitDiff): string {
  const byColumn = Object.entries(columns)
    .toSorted(([, first], [, second]) => second - first)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
  const parts = [
    ...(came > 0 ? [`${came} came`] : []),
    ...(went > 0 ? [`${went} went`] : []),
    ...(changed > 0 ? [`${changed} changed`] : []),
    ...(movedHere > 0 ? [`${movedHere} moved here from another split`] : []),
  ];
  return `${table}/${split}: ${parts.join(", ")}${byColumn === "" ? "" : ` (${byColumn})`}`;
}
