import { CsvError } from "csv-parse";

/** What a broken file makes gunzip, the CSV parser and byteLines() throw; a store's error or a bug is none of these. */
export function isDamage(error: unknown): boolean {
  if (error instanceof RangeError || error instanceof CsvError) return true;
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}
