import { spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readRecords } from "../../../src/votes/formats/read-records.ts";

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
