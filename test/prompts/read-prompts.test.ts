import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/schema.ts";
import { failureOf, readAll } from "../contracts/prompt-source.ts";

type PromptSettings = Config["prompts"];

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-read-prompts-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function put(name: string, content: string | Uint8Array, change: Partial<PromptSettings> = {}): Promise<PromptSettings> {
  const file = join(dir, name);
  await writeFile(file, content);
  return { file, prompt: "prompt", template: "{prompt}", columns: {}, keep: [], ...change };
}

const jsonl = (...items: readonly unknown[]) => items.map((item) => `${typeof item === "string" ? item : JSON.stringify(item)}\n`).join("");

describe("the text of a prompt", () => {
  it("replaces half surrogate pairs anywhere in a row by U+FFFD and counts the prompt once", async () => {
    const settings = await put(
      "surrogates.jsonl",
      jsonl(
        '{"prompt":"fox \\ud83d","negative":"\\ude00 b","tags":["\\\\ud83d \\udc00",{"\\ud800":1}]}',
        '{"prompt":"whole \\ud83e\\udd8a","negative":"","tags":["\\\\ud83d"]}',
        '{"prompt":"nested","negative":"","tags":["\\ud800\\ud83e\\udd8a"]}',
      ),
      { negative: "negative", keep: ["tags"] },
    );
    const { rows, counts, warnings } = await readAll(settings);
    expect(rows.map(({ prompt, negative }) => [prompt, negative])).toEqual([
      ["fox \ufffd", "\ufffd b"],
      ["whole 🦊", ""],
      ["nested", ""],
    ]);
    expect(rows.map(({ meta }) => JSON.parse((JSON.parse(meta) as { tags: string }).tags) as unknown)).toEqual([
      ["\\ud83d \ufffd", { "\ufffd": 1 }],
      ["\\ud83d"],
      ["\ufffd🦊"],
    ]);
    expect(counts.replacedSurrogates).toBe(2);
    expect(warnings.join()).toMatch(/2 prompts with half of a surrogate pair.*line 1/);
  });

  it("has one identity however its accents are composed, and keeps the user's form", async () => {
    const { rows } = await readAll(await put("nfc.txt", "caf\u00e9\ncafe\u0301\n"));
    expect(rows.map(({ prompt }) => prompt)).toEqual(["caf\u00e9", "cafe\u0301"]);
    expect(rows[0]?.promptKey).toBe(rows[1]?.promptKey);
  });

  it("has another identity with another negative or bound value, none with another id, metadata, text sent or notation", async () => {
    const settings = await put(
      "identity.jsonl",
      jsonl(
        { prompt: "a", w: 512 },
        { prompt: "a", w: "512", id: "x", tag: "t", sent: "b" },
        '{"prompt":"a","w":512.0}',
        { prompt: "a", w: 513 },
        { prompt: "a", w: 512, no: "n" },
        { prompt: "a" },
      ),
      { negative: "no", id: "id", keep: ["tag"], send: "sent", columns: { width: "w" } },
    );
    const keys = (await readAll(settings)).rows.map(({ promptKey }) => promptKey);
    expect(keys.map((key) => keys.indexOf(key))).toEqual([0, 0, 0, 3, 4, 5]);
  });

  it("takes 20,000 characters and more", async () => {
    const long = "a fox, 狐🦊 ".repeat(8_000);
    for (const settings of [
      await put("long.txt", long),
      await put("long.json", JSON.stringify([long])),
      await put("long.csv", `prompt\n"${long}"`),
    ])
      expect((await readAll(settings)).rows.map(({ prompt }) => prompt)).toEqual([long]);
  });
});

describe("what is sent", () => {
  it("is the column that `send` names, the prompt where that is empty, with the template around", async () => {
    const settings = await put("send.tsv", "prompt\tlong\na $& fox\t\nb\tb, 35 mm $1\n", {
      send: "long",
      template: "<{prompt}> ({prompt})",
    });
    const { rows, warnings } = await readAll(settings);
    expect(rows.map(({ prompt, sent }) => [prompt, sent])).toEqual([
      ["a $& fox", "<a $& fox> (a $& fox)"],
      ["b", "<b, 35 mm $1> (b, 35 mm $1)"],
    ]);
    expect(warnings).toEqual([expect.stringMatching(/1 prompt with the column "long" empty: sent as it stands.*line 2/)]);
  });

  it("holds {a|b} and __wildcards__ verbatim, with one warning", async () => {
    const { rows, warnings } = await readAll(
      await put("dynamic.txt", "a fox\na {red|blue} fox\n__animal__ at dusk\nsnake_case__ {x} a | b\n"),
    );
    expect(rows.map(({ sent }) => sent)).toContain("a {red|blue} fox");
    expect(warnings).toEqual([expect.stringMatching(/2 prompts with \{a\|b\} or __wildcards__.*line 2/)]);
  });
});

describe("columns", () => {
  it("give bound values: numbers exactly, other text as it is, nothing where empty", async () => {
    const settings = await put(
      "bound.csv",
      "prompt,v\n" +
        ["512", "7.5", "18446744073709551615", "007", "1e3", "1e999", "", "a b", "true"].map((value) => `x,${value}\n`).join(""),
      { columns: { v: "v" } },
    );
    const values = (await readAll(settings)).rows.map(({ bound }) => bound["v"]);
    expect(values).toEqual([512, 7.5, 18446744073709551615n, "007", 1000, "1e999", undefined, "a b", "true"]);
  });

  it("keep integers up to 2^64-1 and what is no text as it is written", async () => {
    const settings = await put(
      "keep.jsonl",
      '{"prompt":"a","n":18446744073709551615,"f":1.0,"l":[18446744073709551615, 0.10],"b":true}\n',
      {
        keep: ["n", "f", "l", "b", "prompt"],
      },
    );
    const [row] = (await readAll(settings)).rows;
    expect(row?.meta).toBe('{"b":"true","f":"1.0","l":"[18446744073709551615,0.10]","n":"18446744073709551615","prompt":"a"}');
  });

  it("may have any name", async () => {
    const settings = await put("names.csv", "constructor,__proto__,toString\na,b,c\n", {
      prompt: "constructor",
      keep: ["__proto__", "toString"],
    });
    expect((await readAll(settings)).rows[0]).toMatchObject({ prompt: "a", meta: '{"__proto__":"b","toString":"c"}' });
    // In JSON every object has a toString that is no key of it.
    expect((await failureOf(await put("names.jsonl", jsonl({ prompt: "a" }), { keep: ["toString"] }))).message).toContain(
      'no row has "toString"',
    );
  });

  it("are there where JSON has them as null in every row, as an empty column of a table is", async () => {
    for (const settings of [
      await put("nulls.jsonl", jsonl({ prompt: "a", no: null }), { negative: "no" }),
      await put("nulls.json", '[{"prompt":"a","no":null}]', { negative: "no" }),
      await put("nulls.csv", "prompt,no\na,\n", { negative: "no" }),
    ])
      expect((await readAll(settings)).rows).toMatchObject([{ prompt: "a", negative: "" }]);
  });

  it("may come late in JSON lines, even after the limit", async () => {
    const items = Array.from({ length: 30 }, (_, index) => (index === 29 ? { prompt: "z", no: "late" } : { prompt: `p${index}` }));
    const settings = await put("late.jsonl", jsonl(...items), { negative: "no", limit: 2 });
    const { rows, counts } = await readAll(settings);
    expect(rows.map(({ prompt }) => prompt)).toEqual(["p0", "p1"]);
    expect(counts).toEqual({ prompts: 2, empty: 0, replacedSurrogates: 0 });
  });

  it("are found by the nearest name among many", async () => {
    const item = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [`column${String.fromCharCode(97 + (index % 26))}${index}`, index]),
    );
    const settings = await put("many.jsonl", jsonl({ prompt: "a", ...item, category: "c" }), { keep: ["categroy"] });
    const failure = await failureOf(settings);
    expect(failure.message).toContain('(did you mean "category"?)');
    expect(failure.hint).toMatch(/^it has "prompt", .*, …$/);
  });

  it("that seem to be separated otherwise are told", async () => {
    expect((await failureOf(await put("semicolon.csv", "prompt;b\nx;1\n"))).hint).toContain('separated by ";"');
    expect((await failureOf(await put("tab.csv", "prompt\tb\nx\t1\n"))).hint).toContain('separated by "\\t"');
  });
});

describe("bad input", () => {
  it.each<[name: string, content: string | Uint8Array, message: RegExp, hint?: RegExp]>([
    ["latin1.txt", Buffer.from("a\ncaf\xe9\n", "latin1"), /line 2 is not UTF-8/, /iconv/],
    ["latin1.csv", Buffer.from("prompt\r\na\r\ncaf\xe9\r\n", "latin1"), /line 3 is not UTF-8/],
    ["latin1.json", Buffer.from('["a",\n"caf\xe9"]', "latin1"), /line 2 is not UTF-8/],
    ["cut-character.txt", Buffer.from("a\nb🦊").subarray(0, -1), /line 2 is not UTF-8/],
    ["utf16.csv", Buffer.from("\ufeffprompt\na\n", "utf16le"), /it is UTF-16$/, /iconv -f UTF-16 -t UTF-8/],
    ["utf16be.txt", Buffer.from("\ufeffa heron\n", "utf16le").swap16(), /it is UTF-16$/],
    ["utf32.txt", Buffer.from("\ufffe\0a\0\n\0", "utf16le").swap16(), /it is UTF-32$/],
    ["bare-utf16le.txt", readFixture("utf16le_without_bom.txt"), /it is UTF-16LE/, /iconv -f UTF-16LE -t UTF-8 OLD > NEW/],
    ["bare-utf16be.tsv", Buffer.from("prompt\tb\na heron at dawn\t1\n", "utf16le").swap16(), /it is UTF-16BE/],
    ["bare-utf32le.txt", utf32le("a heron at dawn\n"), /it is UTF-32LE/],
    ["bare-utf32be.txt", Buffer.from(utf32le("a heron at dawn\n").toReversed()), /it is UTF-32BE/],
    ["nul.txt", "a heron\na red\0 door\n", /line 2 holds a NUL character/, /tr -d/],
    ["nul.jsonl", '{"prompt":"a"}\n{"prompt":"b\0"}\n', /line 2 holds a NUL character/],
    ["chat.jsonl", readFixture("chat.jsonl"), /"prompt" is a list and no text at line 1: \[\{"role":"user"/, /it is a chat.*jq -c/],
    ["object.json", '["a", {"prompt":{"text":"b"}}]', /"prompt" is an object and no text at item 2/, /prompts\.keep/],
    ["texts.jsonl", '{"prompt":"a"}\n{"prompt":["b","c"]}', /"prompt" is a list and no text at line 2/],
    ["deep.jsonl", `{"prompt":"a"}\n{"prompt":"b","x":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, /line 2: it is nested more than 1000/],
    ["deep-number.jsonl", `{"prompt":"b","x":${"[".repeat(50_000)}1${"]".repeat(50_000)}}`, /line 1: it is nested more than 1000/],
    [
      "deep.json",
      `["a", {"prompt":"b","x":${'{"y":'.repeat(50_000)}1${"}".repeat(50_000)}}]`,
      /after item \d: it is nested more than 1000/,
    ],
    ["ragged.csv", "prompt,b\na,1\nx, y,2\n", /line 3 has 3 cells, the header has 2/, /quotes/],
    ["ragged.tsv", "prompt\tb\n\na\n", /line 3 has 1 cells, the header has 2/],
    ["open.csv", 'prompt\n"a\nb\n', /[Qq]uote/, /""two""/],
    ["inner.csv", 'prompt\na 5" disc\n', /near line 2/, /\.tsv takes quotes/],
    ["twice.tsv", "prompt\tb\tprompt\n", /column "prompt" twice/],
    ["empty.tsv", "\n \n", /it is empty, expected a header/],
    ["blank.csv", "prompt,b\n,1\n  ,2\n", /it holds no prompt: "prompt" is empty in all of its 2 rows/],
    ["bad.jsonl", '{"prompt":"a"}\n\n{"prompt":"b",}\n', /line 3 is no JSON at column 15/],
    ["number.jsonl", '{"prompt":"a"}\n7\n', /line 2 is neither an object nor a string/],
    ["array.jsonl", '[{"prompt":"a"}]\n', /line 1/, /\.json file/],
    ["pretty.jsonl", '[\n  {"prompt":"a"}\n]\n', /line 1/, /\.json file/],
    ["lines.json", '{"prompt":"a"}\n{"prompt":"b"}\n', /expected a JSON array/, /\.jsonl/],
    ["cut.json", '[{"prompt":"a"},\n{"prompt":"b"', /line 2, column 14: expected , or }/],
    ["null.json", '["a", null]', /item 2 is neither an object nor a string/],
    ["no.parquet", "prompt\na\n", /cannot be read as Parquet/],
  ])("%s is refused with file, place and reason", async (name, content, message, hint = /(?:)/) => {
    const settings = await put(name, content);
    const failure = await failureOf(settings);
    expect(failure.message).toContain(settings.file);
    expect(failure.message).toMatch(message);
    expect(failure.hint ?? "").toMatch(hint);
  });

  it.each([
    ["send", { send: "x" }],
    ["negative", { negative: "x" }],
    ["id", { id: "x" }],
    ["a bound column", { columns: { width: "x" } }],
  ])("a list or an object as %s is refused with its line, and kept where it is only kept", async (_what, changes) => {
    for (const x of ['["a"]', '{"a":1}', "[]"]) {
      const settings = await put("nested.jsonl", `{"prompt":"a","x":"1"}\n{"prompt":"b","x":${x}}`, changes);
      expect((await failureOf(settings)).message).toMatch(/"x" is (?:a list|an object) and no text at line 2/);
      const kept = await readAll(await put("kept.jsonl", `{"prompt":"b","x":${x}}`, { keep: ["x"] }));
      expect(JSON.parse(kept.rows[0]!.meta)).toEqual({ x });
    }
  });

  it("lists past the limit are nobody's matter", async () => {
    const settings = await put("limit.jsonl", '{"prompt":"a"}\n{"prompt":["b"]}', { limit: 1 });
    expect((await readAll(settings)).rows).toHaveLength(1);
  });

  it.each([
    ["cr_only.txt", readFixture("cr_only.txt")],
    ["cr.csv", "prompt,b\ra heron at dawn,1\ra red door,2\ra blue cup,3\r"],
    ["cr.tsv", "prompt\tb\ra heron at dawn\t1\ra red door\t2\ra blue cup\t3"],
    ["cr.jsonl", '{"prompt":"a heron at dawn"}\r{"prompt":"a red door"}\r{"prompt":"a blue cup"}\r'],
  ])("%s, whose lines end in CR alone, is read line by line", async (name, content) => {
    const { rows } = await readAll(await put(name, content));
    expect(rows.map(({ prompt }) => prompt)).toEqual(["a heron at dawn", "a red door", "a blue cup"]);
  });

  it("ends a line at each of CR, LF and both, also where one file has them all", async () => {
    const { rows } = await readAll(await put("mixed.txt", "a\rb\nc\r\n"));
    expect(rows.map(({ prompt }) => prompt)).toEqual(["a", "b", "c"]);
  });

  it("skips empty lines and counts rows without a prompt", async () => {
    const settings = await put("gaps.csv", "\r\nprompt,b\r\n\r\na,1\r\n   \r\n,2\r\nb,3\r\n\r\n");
    const { rows, counts, warnings } = await readAll(settings);
    expect(rows.map(({ prompt, position }) => [prompt, position])).toEqual([
      ["a", 4],
      ["b", 7],
    ]);
    expect(counts.empty).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/1 row without a prompt: skipped \(the first: line 6\)/)]);
  });
});

describe("Parquet", () => {
  it("keeps what the columns hold, whatever their type", async () => {
    const settings = await put("types.parquet", "");
    await copyFile(join(import.meta.dirname, "fixtures/types.parquet"), settings.file);
    const keep = ["large", "category", "int8", "int64", "uint64", "uint32", "double", "bool", "tags", "seeds", "struct", "day"];
    const { rows } = await readAll({ ...settings, keep });
    expect(rows.map(({ meta }) => JSON.parse(meta) as unknown)).toEqual([
      {
        large: "x",
        category: "u",
        int8: "-1",
        int64: "-9223372036854775808",
        uint64: "18446744073709551615",
        uint32: "4294967295",
        double: "0.5",
        bool: "true",
        tags: '["p","q"]',
        seeds: "[9223372036854775807,1]",
        struct: '{"n":9223372036854775807,"t":"z"}',
        day: expect.stringMatching(/^2024-02-29/) as string,
      },
      { large: "y", int64: "9223372036854775807", uint64: "9007199254740993", uint32: "0", bool: "false", tags: "[]" },
    ]);
    expect((await failureOf({ ...settings, keep: ["bytes"] })).message).toMatch(/text.* is not UTF-8|holds bytes/);
  });
});

function readFixture(name: string): Buffer {
  return readFileSync(join(import.meta.dirname, "../fixtures/prompts", name));
}

function utf32le(text: string): Buffer {
  return Buffer.concat(Array.from(text, (character) => Buffer.from(Uint32Array.of(character.codePointAt(0) ?? 0).buffer)));
}
