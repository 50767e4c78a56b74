import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REFERENCES } from "./write-references.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The formatter aligns tables: their widths say nothing. */
function unaligned(text: string): string {
  return text.replaceAll(/ {2,}/g, " ").replaceAll(/-{3,}/g, "---").trim();
}

describe("docs/reference", () => {
  it.each(Object.entries(REFERENCES))("%s is what `pnpm docs:generate` writes", (file, text) => {
    expect(unaligned(readFileSync(join(ROOT, file), "utf8"))).toBe(unaligned(text()));
  });

  it.each(Object.entries(REFERENCES))("%s says of each row what it means", (_, text) => {
    expect(text().match(/^\|.*\|\s+\|$/gm) ?? []).toEqual([]);
  });
});
