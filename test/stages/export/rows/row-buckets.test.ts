import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FatalError } from "../../../../src/errors.ts";
import { openRowBuckets } from "../../../../src/stages/export/rows/row-buckets.ts";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-buckets-"));
});

afterEach(() => rmSync(dir, { recursive: true }));

/** Each chunk is taken before the next one is asked for, whose memory may be the same. */
function textOf(chunks: Iterable<Buffer>): string {
  const copies: Buffer[] = [];
  for (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies).toString();
}

describe("openRowBuckets()", () => {
  it("gives lines back by their keys, whatever they hold and however they came", () => {
    const line = fc.record({ key: fc.stringMatching(/^[a-z0-9_]{1,40}$/), line: fc.string({ unit: "grapheme", maxLength: 40 }) });
    fc.assert(
      fc.property(fc.uniqueArray(line, { selector: ({ key }) => key, maxLength: 40 }), (lines) => {
        using buckets = openRowBuckets(join(dir, "rows"), 1);
        for (const each of lines) buckets.add(0, each.key, each.line);
        const sorted = lines.toSorted((first, second) => (first.key < second.key ? -1 : 1));
        expect(textOf(buckets.sorted(0, 1))).toBe(sorted.map((each) => `${each.line}\n`).join(""));
      }),
      { numRuns: 50 },
    );
  });

  it("holds lines larger than its buffer, and buckets larger than it reads at once", () => {
    using buckets = openRowBuckets(join(dir, "rows"), 2);
    const large = "ä".repeat(3_000_000);
    for (const key of ["f", "b", "d", "a", "e", "c", "g"]) buckets.add(1, key, key + large);
    buckets.add(0, "z", "small");
    const lines = textOf(buckets.sorted(0, 2)).split("\n");
    const keys = ["a", "b", "c", "d", "e", "f", "g"];
    expect(lines.map((each) => each.slice(0, 5))).toEqual(["small", ...keys.map((key) => `${key}ääää`), ""]);
    expect(lines.slice(1, -1).every((each) => each.length === large.length + 1)).toBe(true);
  });

  it("hands over more than a chunk holds, and lines of any length among others", () => {
    using buckets = openRowBuckets(join(dir, "rows"), 3);
    const lines = Array.from({ length: 900 }, (_, index) => {
      const key = String(index).padStart(4, "0");
      return { key, line: `${key} ${"x".repeat(index % 100 === 99 ? 700_000 : index * 3)}` };
    });
    for (const { key, line } of lines.toReversed()) buckets.add(Math.floor(Number(key) / 300), key, line);
    expect(textOf(buckets.sorted(0, 3)) === lines.map(({ line }) => `${line}\n`).join("")).toBe(true);
  });

  it("leaves nothing on the disk", () => {
    const buckets = openRowBuckets(join(dir, "rows"), 3);
    buckets.add(2, "a", "line");
    buckets[Symbol.dispose]();
    expect(existsSync(join(dir, "rows"))).toBe(false);
  });

  it("says what it cannot write", () => {
    writeFileSync(join(dir, "file"), "");
    expect(() => openRowBuckets(join(dir, "file/rows"), 1)).toThrow(FatalError);
  });
});
