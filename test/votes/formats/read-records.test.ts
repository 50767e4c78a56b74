import { spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readRecords, recordLines } from "../../../src/votes/formats/read-records.ts";
import * as fc from "fast-check";

const SOURCE = join(import.meta.dirname, "../../../src/votes/formats/read-records.ts");

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "comfy-dpo-records-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function recordsOf(name: string, bytes: string | Buffer): Promise<unknown[]> {
  return inFolder(async (folder) => {
    const file = join(folder, name);
    await writeFile(file, bytes);
    const places = await Array.fromAsync(readRecords(file, { isArray: !name.includes("jsonl") }, undefined));
    return places.map(({ position, number, record }) => [position, number, record()]);
  });
}

describe("readRecords()", () => {
  const array = '\uFEFF[\n{"a":1},\n\n{"a":"\u00fc"}\n]\n';
  const expected: unknown[][] = [
    [2, 1, { a: 1 }],
    [4, 2, { a: "\u00fc" }],
  ];

  it("gives each object of an array with its line, also packed and with a byte order mark", async () => {
    expect(await recordsOf("v.json", array)).toEqual(expected);
    expect(await recordsOf("v.json.gz", gzipSync(array))).toEqual(expected);
    expect(await recordsOf("v.jsonl.gz", gzipSync('\n{"a":1}\n\n{"a":"\u00fc"}'))).toEqual(expected.map((place) => place.with(1, null)));
  });

  it.each([
    ["what breaks off", '[{"a":1}', /after record 1 at line 1: it is no whole JSON array/],
    ["what goes on after the end", '[{"a":1}]{', /it is no whole JSON array/],
    ["what is no UTF-8", Buffer.from('[\n"\xff"]', "latin1"), /line 2 is not UTF-8 text/],
  ])("refuses %s", async (_what, bytes, message) => {
    await expect(recordsOf("v.json", bytes)).rejects.toThrow(message);
  });

  it("reads 80 MB with 32 MB of heap for what lives on", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "big.json");
      const record = JSON.stringify({ padding: "x".repeat(20_000) });
      function* text(): Generator<string> {
        for (let index = 0; index < 4_000; index++) yield `${index === 0 ? "[" : ",\n"}${record}`;
        yield "]";
      }
      await pipeline(Readable.from(text()), createWriteStream(file));
      const count = `import { readRecords } from ${JSON.stringify(SOURCE)};
        let last;
        for await (const { position, record } of readRecords(${JSON.stringify(file)}, { isArray: true }, undefined)) last = [position, record().padding.length];
        console.log(JSON.stringify(last));`;
      const { stdout, stderr } = spawnSync(process.execPath, ["--max-old-space-size=32", "--input-type=module", "-e", count], {
        encoding: "utf8",
      });
      expect({ stdout, stderr }).toEqual({ stdout: "[4000,20000]\n", stderr: "" });
    });
  }, 60_000);
});

/** The text cut anywhere, as a stream may cut it. */
async function* cut(text: string, size: number): AsyncGenerator<string> {
  await Promise.resolve();
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function linesOf(text: string, { size = 5, maxCharacters = 1_000 } = {}) {
  const lines = recordLines(maxCharacters);
  const passed = await Array.fromAsync(lines.through(cut(text, size)));
  expect(passed.join("")).toBe(text);
  return lines;
}

describe("recordLines()", () => {
  it("names the line at which each record of any array begins", async () => {
    const record = fc.jsonValue({ maxDepth: 3 });
    const gap = fc.array(fc.constantFrom("\n", " ", "\r\n", "\t"), { maxLength: 3 }).map((blanks) => blanks.join(""));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(record, gap, fc.nat(2))), fc.integer({ min: 1, max: 9 }), async (records, size) => {
        let text = "\n[";
        const expected = records.map(([value, blank, indent], index) => {
          text += `${index > 0 ? "," : ""}${blank}`;
          const line = text.split("\n").length;
          text += JSON.stringify(value, null, indent) + blank;
          return line;
        });
        const lines = await linesOf(`${text}]\n`, { size, maxCharacters: 100_000 });
        expect(records.map(() => lines.take())).toEqual(expected);
      }),
    );
  });

  it("is not misled by brackets, commas and quotes in strings", async () => {
    const lines = await linesOf('[{"a":"],[\\"{,"},\n"]",\n1]');
    expect([lines.take(), lines.take(), lines.take()]).toEqual([1, 2, 3]);
  });

  it("ends at a record that is too long, by its line", async () => {
    await expect(linesOf(`[1,\n["${"x".repeat(2_000)}"]]`)).rejects.toThrow("the record at line 2 is longer than 1000 characters");
    await expect(linesOf(`[${Array.from({ length: 900 }, () => '"xx"').join(",")}]`)).resolves.toBeDefined();
  });
});
