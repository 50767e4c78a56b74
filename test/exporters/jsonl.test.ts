import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { RowLayout } from "../../src/exporters/exporter.ts";
import { jsonlExporter } from "../../src/exporters/jsonl.ts";
import { asyncRows, bytesOf, exportRow } from "../contracts/exporter.ts";

const layout: RowLayout = { fields: "full", seedFormat: "number", omitted: [] };
const rows = Array.from({ length: 300 }, (_, index) => exportRow(index, { prompt: `line\n${index} 猫` }));

describe("jsonlExporter", () => {
  test("writes one row a line, UTF-8 without a mark, LF at every end", async () => {
    const bytes = await bytesOf(jsonlExporter.encode(asyncRows(rows), { layout, gzip: false }));
    const lines = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(rows.map(({ id }) => id));
    expect(bytes.includes("\r")).toBe(false);
  });

  test("gzip holds the same bytes, without a time, and cannot be cut unnoticed", async () => {
    const plain = await bytesOf(jsonlExporter.encode(asyncRows(rows), { layout, gzip: false }));
    const bytes = await bytesOf(jsonlExporter.encode(asyncRows(rows), { layout, gzip: true }));
    expect(bytes.readUInt32LE(4)).toBe(0); // RFC 1952, MTIME.
    expect(gunzipSync(bytes).equals(plain)).toBe(true);
    expect(() => gunzipSync(bytes.subarray(0, -1))).toThrow("unexpected end of file");
  });

  test("says in its extension whether it is compressed", () => {
    expect([false, true].map((gzip) => jsonlExporter.extension({ gzip }))).toEqual(["jsonl", "jsonl.gz"]);
  });
});
