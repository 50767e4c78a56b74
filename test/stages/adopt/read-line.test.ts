import { describe, expect, it } from "vitest";
import { RejectError } from "../../../src/errors.ts";
import { readLine, jsonlPlace } from "../../../src/stages/adopt/read-line.ts";

const read = (line: string) => readLine(Buffer.from(line));
const JSONL = "/data/set/pictures.jsonl";

describe("readLine()", () => {
  it("reads all keys, and passes over those of other tools", () => {
    expect(
      read('{"prompt":"a cat","file":"a.png","model":"flux","seed":18446744073709551615,"id":7,"negative":"fog","sampler":"euler"}'),
    ).toEqual({
      place: { file: "a.png" },
      facts: { prompt: "a cat", negative: "fog", model: "flux", seed: 18446744073709551615n, id: "7" },
    });
  });

  it.each([
    ["missing", "", null],
    ["null", ',"seed":null', null],
    ["-1", ',"seed":-1', null],
    ["text", ',"seed":"18446744073709551615"', 18446744073709551615n],
    ["0", ',"seed":0', 0n],
  ])("takes a seed that is %s", (_what, seed, wanted) => {
    expect(read(`{"prompt":"a","file":"b"${seed}}`).facts.seed).toBe(wanted);
  });

  it("takes a byte order mark", () => {
    expect(read('\uFEFF{"prompt":"a","uri":"s3://b/c"}').place).toEqual({ uri: "s3://b/c" });
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["nested without end", "[".repeat(100_000)],
    ["without prompt", '{"file":"a"}'],
    ["with an empty prompt", '{"prompt":" ","file":"a"}'],
    ["with a prompt that is a number", '{"prompt":1,"file":"a"}'],
    ["without an image", '{"prompt":"a"}'],
    ["with two", '{"prompt":"a","file":"b","uri":"s3://b/c"}'],
    ["with a NUL in its place", '{"prompt":"a","file":"b\\u0000.png"}'],
    ["with a fraction as seed", '{"prompt":"a","file":"b","seed":1.5}'],
    ["with a seed beyond 64 bits", '{"prompt":"a","file":"b","seed":18446744073709551616}'],
    ["with a list as id", '{"prompt":"a","file":"b","id":[]}'],
    ["with an inherited prompt", '{"__proto__":{"prompt":"a"},"file":"b"}'],
  ])("refuses a line %s", (_what, line) => {
    expect(() => read(line)).toThrow(RejectError);
  });

  it("refuses what is not UTF-8", () => {
    expect(() => readLine(Buffer.from([0x7b, 0xff]))).toThrow("not UTF-8");
  });
});

describe("jsonlPlace()", () => {
  it.each([
    [{ file: "a b/c%.png" }, "file", "/data/set/a b/c%.png", "file:///data/set/a%20b", "c%.png"],
    [{ file: "/else/a.png" }, "file", "/else/a.png", "file:///else", "a.png"],
    [{ uri: "file:///x/y%20z.png" }, "file", "/x/y z.png", "file:///x", "y z.png"],
    [{ uri: "s3://bucket/a b/c d.png" }, "s3", "s3://bucket/a b/c d.png", "s3://bucket", "c d.png"],
  ] as const)("%j", (place, scheme, address, server, filename) => {
    expect(jsonlPlace(place, JSONL)).toMatchObject({ scheme, address, origin: { server, filename } });
  });

  it("keeps the query of an address out of what is shown and kept", () => {
    const { address, origin } = jsonlPlace({ uri: "https://cdn.example/p/a.png?X-Amz-Signature=abc" }, JSONL);
    expect(address).toContain("abc");
    expect(origin).toEqual({ server: "https://cdn.example", subfolder: "p", filename: "a.png", type: "output" });
  });

  it.each([
    "ftp://x/a.png",
    "a.png",
    "data:image/png;base64,x",
    "https://user:pw@x/a.png",
    "file://host/a.png",
    "s3://bucket",
    "",
    "javascript:1",
  ])("refuses %j, without a secret in the message", (uri) => {
    expect(() => jsonlPlace({ uri }, JSONL)).toThrow(/^(?!.*pw).*its uri/);
  });
});
