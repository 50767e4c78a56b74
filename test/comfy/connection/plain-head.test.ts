import { array, assert, constantFrom, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePlainHead } from "../../../src/comfy/connection/plain-head.ts";

const head = (...lines: readonly string[]): string => ["HTTP/1.1 200 OK", ...lines].join("\r\n");

describe("parsePlainHead()", () => {
  test("reads what ComfyUI answers", () => {
    const lines = [
      "Content-Type: image/png",
      'Content-Disposition: filename="a b.png"',
      'Etag: "18a-5f"',
      "Content-Length: 1189138",
      "Date: Sat, 18 Oct 2025 00:00:00 GMT",
      "Server: Python/3.11 aiohttp/3.14.0",
    ];
    expect(parsePlainHead(head(...lines))).toEqual({ bodyBytes: 1_189_138, keepAlive: true });
  });

  test.each([
    ["keep-alive", true],
    ["Keep-Alive", true],
    ["close", false],
    ["keep-alive, upgrade", false],
  ])("a connection that is to be %s", (value, keepAlive) => {
    expect(parsePlainHead(head("content-length:5", `connection: ${value}`))).toEqual({ bodyBytes: 5, keepAlive });
  });

  test.each([
    ["no length", head("content-type: image/png")],
    ["two lengths", head("content-length: 5", "content-length: 5")],
    ["a list of lengths", head("content-length: 5, 5")],
    ["a signed length", head("content-length: +5")],
    ["a length that no number holds", head("content-length: 99999999999999999999")],
    ["chunks", head("content-length: 5", "Transfer-Encoding: chunked")],
    ["a coding", head("content-length: 5", "content-encoding: gzip")],
    ["a part of the file", head("content-length: 5", "content-range: bytes 0-4/9")],
    ["a folded line", head("content-length: 5", " 6")],
    ["a space before the colon", head("content-length : 5")],
    ["a bare line feed", head("content-length: 5\nx: y")],
    ["a NUL", head("content-length: 5", "x: \0")],
    ["another status", "HTTP/1.1 206 Partial Content\r\ncontent-length: 5"],
    ["a status of more digits", "HTTP/1.1 2000 OK\r\ncontent-length: 5"],
    ["an interim answer", "HTTP/1.1 100 Continue"],
    ["HTTP/1.0, which closes unless it says otherwise", "HTTP/1.0 200 OK\r\ncontent-length: 5"],
    ["nothing", ""],
  ])("leaves %s to who reads HTTP in full", (_what, text) => {
    expect(parsePlainHead(text)).toBeNull();
  });

  test("never throws, and never takes a length that is not there", () => {
    const line = oneof(
      string({ unit: "binary-ascii" }),
      constantFrom("content-length: 7", "Content-Length:7", "connection: close", "transfer-encoding: chunked", "x: y"),
    );
    assert(
      property(array(line), (lines) => {
        const parsed = parsePlainHead(head(...lines));
        if (parsed === null) return;
        expect(lines.filter((text) => /^content-length:/i.test(text))).toHaveLength(1);
        expect(lines.some((text) => /^transfer-encoding/i.test(text))).toBe(false);
      }),
    );
  });
});
