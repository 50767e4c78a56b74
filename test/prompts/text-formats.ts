import type { ContractRow } from "../contracts/prompt-source.ts";

// The contract's rows in the text formats, written by hand: with no code that reads them in common.

const COLUMNS = ["prompt", "negative", "width", "category", "big"] as const;

export function asText(rows: readonly ContractRow[]): string {
  return rows.map(({ prompt }) => `${prompt ?? ""}\n`).join("");
}

export function asJsonl(rows: readonly ContractRow[]): string {
  return rows.map((row) => `${objectOf(row)}\n`).join("");
}

export function asJson(rows: readonly ContractRow[]): string {
  return `[\n${rows.map(objectOf).join(",\n")}\n]\n`;
}

export function asTsv(rows: readonly ContractRow[]): string {
  return [COLUMNS, ...rows.map(cellsOf)].map((cells) => `${cells.join("\t")}\n`).join("");
}

export function asCsv(rows: readonly ContractRow[]): string {
  return [COLUMNS, ...rows.map(cellsOf)].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** RFC 4180 §2.6, 2.7: quotes where a cell holds a comma, a quote or a line break; a quote is doubled. */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cellsOf(row: ContractRow): readonly string[] {
  return COLUMNS.map((column) => String(row[column] ?? ""));
}

function objectOf(row: ContractRow): string {
  const entries = COLUMNS.map((column) => {
    const value = row[column];
    return `${JSON.stringify(column)}: ${typeof value === "bigint" ? String(value) : JSON.stringify(value)}`;
  });
  return `{${entries.join(", ")}}`;
}
